"""The floor of the flights job: the same SQL by the duckdb package, writing the same Parquet files. No tables, no
log, no record, no landing, nothing made durable.

    python flights_duckdb.py EXAMPLE OUT
"""
import os
import sys
from datetime import datetime, timezone

import duckdb

example, out = sys.argv[1:]
OPTIONS = "(FORMAT parquet, COMPRESSION zstd)"
RULES = """carrier IS NOT NULL AND airline IS NOT NULL AND origin IS NOT NULL AND dest IS NOT NULL
  AND dep_scheduled_at IS NOT NULL AND arr_scheduled_at IS NOT NULL
  AND origin IN ('EWR', 'JFK', 'LGA') AND distance >= 50 AND (speed IS NULL OR speed <= 600)
  AND epoch(dep_actual_at) - epoch(dep_scheduled_at) IS NOT DISTINCT FROM dep_delay * 60
  AND (arr_delay IS NULL OR epoch(arr_actual_at) - epoch(arr_scheduled_at) = arr_delay * 60)"""


def sql_of(path):
    with open(f"{example}/{path}", encoding="utf-8") as file:
        return file.read()


def write(name, sql):
    """A Parquet file, and a view over it."""
    schema, table = name.split(".")
    os.makedirs(f"{out}/{schema}", exist_ok=True)
    db.execute(f"COPY ({sql}) TO '{out}/{schema}/{table}.parquet' {OPTIONS}")
    db.execute(f"CREATE VIEW {name} AS FROM '{out}/{schema}/{table}.parquet'")


db = duckdb.connect()
db.execute("SET TimeZone = 'UTC'; CREATE SCHEMA bronze; CREATE SCHEMA silver; CREATE SCHEMA gold")
now = datetime.now(timezone.utc).isoformat()
for table in ["flights", "airlines", "airports", "planes", "weather"]:
    write(f"bronze.{table}",
          f"SELECT *, '{table}.csv.gz' AS _source_file, TIMESTAMPTZ '{now}' AS _ingested_at, 'run' AS _run_id "
          f"FROM read_csv('{example}/data/{table}.csv.gz', nullstr = 'NA')")
db.execute(f"CREATE TEMP TABLE checked AS {sql_of('silver/flights.sql')}")
if db.execute("SELECT 1 FROM checked GROUP BY carrier, flight, origin, dep_scheduled_at HAVING count(*) > 1").fetchone():
    sys.exit("a flight stands there twice")
write("silver.flights", f"SELECT * FROM checked WHERE {RULES}")
write("silver.flights_rejects", f"SELECT * FROM checked WHERE NOT ({RULES})")
for table in ["carrier_punctuality", "route_month", "delay_by_weather"]:
    write(f"gold.{table}", sql_of(f"gold/{table}.sql"))
counts = db.execute("""SELECT (SELECT count(*) FROM bronze.flights), (SELECT count(*) FROM silver.flights),
  (SELECT count(*) FROM silver.flights_rejects), (SELECT sum(flights) FROM gold.carrier_punctuality)""").fetchone()
if counts[0] != counts[1] + counts[2] or counts[3] != counts[1]:
    sys.exit(f"the counts do not reconcile: {counts}")
