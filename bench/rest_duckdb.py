"""The peer of bench/rest.py: the same file, read by read_json in the duckdb package and written as one Parquet file.

usage: rest_duckdb.py FILE OUT
"""
import sys

import duckdb

source, out = sys.argv[1:]
connection = duckdb.connect()
connection.execute(f"COPY (SELECT * FROM read_json('{source}')) TO '{out}' (FORMAT parquet, COMPRESSION zstd)")
