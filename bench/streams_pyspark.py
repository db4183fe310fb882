"""A peer of bench/streams.py: the same records into the same Delta table by Spark Structured Streaming, on two cores.

    python streams_pyspark.py JARS BROKERS TOPIC OUT
Takes what is there and ends. Kind to Spark: the schema is given, its own partition of work for each of the topic's.
"""
import glob
import sys

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

jars, brokers, topic, out = sys.argv[1:]
COLUMNS = ("id LONG, user_id INT, first_name STRING, last_name STRING, email STRING, amount DOUBLE, country STRING, "
           "active BOOLEAN, created_at TIMESTAMP, city STRING, post_code STRING, note STRING")
spark = (SparkSession.builder.master("local[2]").config("spark.driver.memory", "2g").config("spark.ui.enabled", "false")
         .config("spark.jars", ",".join(sorted(glob.glob(f"{jars}/*.jar"))))
         .config("spark.sql.session.timeZone", "UTC")
         .config("spark.sql.extensions", "io.delta.sql.DeltaSparkSessionExtension")
         .config("spark.sql.catalog.spark_catalog", "org.apache.spark.sql.delta.catalog.DeltaCatalog").getOrCreate())
records = (spark.readStream.format("kafka").option("kafka.bootstrap.servers", brokers).option("subscribe", topic)
           .option("startingOffsets", "earliest").load())
rows = records.select(F.from_json(F.col("value").cast("string"), COLUMNS).alias("user")).select("user.*")
(rows.writeStream.format("delta").option("checkpointLocation", f"{out}-checkpoint").trigger(availableNow=True)
 .start(out).awaitTermination())
spark.stop()
