"""The floor of the TPC-H job: the same SQL by the duckdb package, writing the same Parquet files.

    python duckdb_floor.py PROJECT OUT
"""
import glob
import os
import sys

import duckdb

project, out = sys.argv[1:]
db = duckdb.connect()
db.execute("SET TimeZone = 'UTC'; CREATE SCHEMA bronze; CREATE SCHEMA gold")


def write(name, sql):
    layer, table = name.split(".")
    os.makedirs(f"{out}/{layer}", exist_ok=True)
    db.execute(f"COPY ({sql}) TO '{out}/{layer}/{table}.parquet' (FORMAT parquet, COMPRESSION zstd)")


for table in ["region", "nation", "supplier", "customer", "part", "partsupp", "orders", "lineitem"]:
    write(f"bronze.{table}", f"SELECT *, '{table}.parquet' AS _source_file, now() AS _ingested_at, 'run' AS _run_id "
                             f"FROM '{project}/data/{table}.parquet'")
    db.execute(f"CREATE VIEW bronze.{table} AS FROM '{out}/bronze/{table}.parquet'")
for path in sorted(glob.glob(f"{project}/queries/*.sql")):
    with open(path, encoding="utf-8") as file:
        write(f"gold.{os.path.basename(path)[:-4]}", file.read())
