"""The peer of the flights job: the same tables by PySpark on two cores, as Parquet files.

    python flights_pyspark.py EXAMPLE OUT
Kind to Spark: schemas are given (nothing is inferred), no checks but the rules, its own time zone functions.
"""
import sys

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

example, out = sys.argv[1:]
SCHEMAS = {
    "flights": "year INT, month INT, day INT, dep_time INT, sched_dep_time INT, dep_delay INT, arr_time INT, "
               "sched_arr_time INT, arr_delay INT, carrier STRING, flight INT, tailnum STRING, origin STRING, dest STRING, "
               "air_time INT, distance INT, hour INT, minute INT, time_hour TIMESTAMP",
    "airlines": "carrier STRING, name STRING",
    "airports": "faa STRING, name STRING, lat DOUBLE, lon DOUBLE, alt INT, tz INT, dst STRING, tzone STRING",
    "planes": "tailnum STRING, year INT, type STRING, manufacturer STRING, model STRING, engines INT, seats INT, "
              "speed INT, engine STRING",
    "weather": "origin STRING, year INT, month INT, day INT, hour INT, temp DOUBLE, dewp DOUBLE, humid DOUBLE, "
               "wind_dir INT, wind_speed DOUBLE, wind_gust DOUBLE, precip DOUBLE, pressure DOUBLE, visib DOUBLE, "
               "time_hour TIMESTAMP",
}
# Spark's to_utc_timestamp takes the zone by row, so that the SQL needs no table of seasons.
SILVER = """
WITH place AS (
  SELECT faa, name, tzone FROM bronze_airports
  UNION ALL SELECT faa, NULL, 'America/Puerto_Rico' FROM VALUES ('BQN'), ('PSE'), ('SJU'), ('STT') AS missing(faa)
),
departed AS (
  SELECT f.*, p.tzone, p.name AS dest_name,
         CAST(make_date(year, month, day) AS TIMESTAMP) AS midnight,
         sched_dep_time div 100 * 60 + sched_dep_time % 100 AS sched_dep_minute,
         dep_time div 100 * 60 + dep_time % 100 AS dep_minute,
         (sched_arr_time div 100 * 60 + sched_arr_time % 100) % 1440 AS sched_arr_minute,
         (arr_time div 100 * 60 + arr_time % 100) % 1440 AS arr_minute
  FROM bronze_flights f LEFT JOIN place p ON p.faa = f.dest
),
timed AS (
  SELECT *,
         to_utc_timestamp(midnight + make_dt_interval(0, 0, sched_dep_minute), 'America/New_York') AS dep_scheduled_at,
         to_utc_timestamp(midnight + make_dt_interval(0, 0,
           sched_dep_minute - 120 + (dep_minute - sched_dep_minute + 1560) % 1440), 'America/New_York') AS dep_actual_at
  FROM departed
),
local_times AS (
  SELECT *, from_utc_timestamp(dep_scheduled_at, tzone) AS sched_local, from_utc_timestamp(dep_actual_at, tzone) AS local
  FROM timed
),
arrived AS (
  SELECT *,
         to_utc_timestamp(date_trunc('DAY', sched_local) + make_dt_interval(0, 0, sched_arr_minute
           + CASE WHEN sched_arr_minute <= hour(sched_local) * 60 + minute(sched_local) THEN 1440 ELSE 0 END), tzone)
           AS arr_scheduled_at,
         to_utc_timestamp(date_trunc('DAY', local) + make_dt_interval(0, 0, arr_minute
           + CASE WHEN arr_minute <= hour(local) * 60 + minute(local) THEN 1440 ELSE 0 END), tzone) AS arr_actual_at
  FROM local_times
)
SELECT f.carrier, l.name AS airline, f.flight, f.tailnum, f.origin, o.name AS origin_name, f.dest, f.dest_name,
       dep_scheduled_at, dep_actual_at, arr_scheduled_at, arr_actual_at, dep_delay, arr_delay,
       dep_time IS NULL AS cancelled, dep_time IS NOT NULL AND arr_delay IS NULL AS diverted, air_time, distance,
       CAST(round(distance * 60 / air_time) AS INT) AS speed,
       p.manufacturer, p.model, p.year AS built, p.seats,
       w.temp, w.humid, w.precip, w.visib, w.wind_gust, CASE WHEN w.wind_speed < 200 THEN w.wind_speed END AS wind_speed
FROM arrived f
LEFT JOIN bronze_airlines l ON l.carrier = f.carrier
LEFT JOIN bronze_airports o ON o.faa = f.origin
LEFT JOIN bronze_planes p ON p.tailnum = f.tailnum
LEFT JOIN bronze_weather w ON w.origin = f.origin AND w.time_hour = f.time_hour
"""
RULES = "distance >= 50 AND (speed IS NULL OR speed <= 600)"
GOLD = {
    "carrier_punctuality": """
SELECT carrier, airline AS name, count(*) AS flights, count_if(cancelled) AS cancelled,
       round(count_if(arr_delay < 15) / count(arr_delay), 4) AS on_time_rate, round(avg(arr_delay), 2) AS avg_arr_delay,
       round(percentile(arr_delay, 0.95), 1) AS p95_arr_delay
FROM silver_flights GROUP BY carrier, airline ORDER BY carrier""",
    "route_month": """
SELECT CAST(date_trunc('MONTH', from_utc_timestamp(dep_scheduled_at, 'America/New_York')) AS DATE) AS month,
       origin, dest, dest_name, count(*) AS flights, count_if(cancelled) AS cancelled,
       round(count_if(arr_delay < 15) / nullif(count(arr_delay), 0), 4) AS on_time_rate,
       round(avg(dep_delay), 2) AS avg_dep_delay, round(avg(arr_delay), 2) AS avg_arr_delay
FROM silver_flights GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3""",
    "delay_by_weather": """
SELECT CASE WHEN temp IS NULL AND visib IS NULL THEN 'unknown' WHEN precip > 0 AND temp <= 32 THEN 'snow or ice'
            WHEN precip >= 0.1 THEN 'heavy rain' WHEN precip > 0 THEN 'rain' WHEN visib < 1 THEN 'fog'
            WHEN wind_speed >= 25 THEN 'strong wind' ELSE 'calm' END AS weather,
       count(*) AS flights, round(count_if(cancelled) / count(*), 4) AS cancelled_rate,
       round(count_if(dep_delay < 15) / count(dep_delay), 4) AS on_time_rate,
       round(avg(dep_delay), 2) AS avg_dep_delay, round(percentile(dep_delay, 0.95), 1) AS p95_dep_delay
FROM silver_flights GROUP BY 1 ORDER BY avg_dep_delay DESC""",
}

spark = (SparkSession.builder.master("local[2]").appName("flights")
         .config("spark.sql.session.timeZone", "UTC").config("spark.sql.shuffle.partitions", "4")
         .config("spark.ui.enabled", "false").config("spark.driver.memory", "2g")
         .config("spark.driver.bindAddress", "127.0.0.1").config("spark.driver.host", "127.0.0.1").getOrCreate())
spark.sparkContext.setLogLevel("ERROR")


def write(layer, table, rows):
    rows.write.mode("overwrite").parquet(f"{out}/{layer}/{table}")
    spark.read.parquet(f"{out}/{layer}/{table}").createOrReplaceTempView(f"{layer}_{table}")


for table, schema in SCHEMAS.items():
    rows = spark.read.csv(f"{example}/data/{table}.csv.gz", header=True, nullValue="NA", schema=schema)
    write("bronze", table, rows.withColumn("_source_file", F.lit(f"{table}.csv.gz"))
          .withColumn("_ingested_at", F.current_timestamp()).withColumn("_run_id", F.lit("run")))
checked = spark.sql(SILVER).cache()
write("silver", "flights", checked.where(RULES))
write("silver", "flights_rejects", checked.where(f"NOT ({RULES})"))
for table, sql in GOLD.items():
    write("gold", table, spark.sql(sql))
spark.stop()
