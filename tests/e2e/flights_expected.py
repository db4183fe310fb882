"""What examples/flights must give, worked out a second time: in plain Python, by another way than the SQL.

The SQL builds times from clock readings; here they come from the scheduled time and the stated delay, and the
clock reading is only looked at afterwards.
"""
import csv
import gzip
import io
from collections import defaultdict
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from zoneinfo import ZoneInfo

NEW_YORK = ZoneInfo("America/New_York")
MINUTE = timedelta(minutes=1)


def read(folder, table):
    with gzip.open(f"{folder}/{table}.csv.gz", "rt", encoding="utf-8", newline="") as text:
        return [{key: None if value == "NA" else value for key, value in row.items()}
                for row in csv.DictReader(text)]


@lru_cache(maxsize=None)
def seconds(local):
    return int(local.timestamp())


def clock(reading):
    return timedelta(hours=int(reading) // 100 % 24, minutes=int(reading) % 100)


def first_after(start, reading, zone):
    """The first moment after `start` (seconds) at which clocks in the zone show the reading."""
    local = datetime.fromtimestamp(start, zone)
    midnight = datetime(local.year, local.month, local.day, tzinfo=zone)
    for day in range(3):
        moment = seconds(midnight + timedelta(days=day) + clock(reading))
        if moment > start:
            return moment
    raise AssertionError("no such time within three days")


def shows(moment, reading, zone):
    local = datetime.fromtimestamp(moment, zone)
    return timedelta(hours=local.hour, minutes=local.minute) == clock(reading)


class Expected:
    """flights: rows with their times; odd: actual times at which the clocks do not show what the file says."""

    def __init__(self, folder):
        self.tables = {name: read(folder, name) for name in ["flights", "airlines", "airports", "planes", "weather"]}
        zones = {row["faa"]: ZoneInfo(row["tzone"]) for row in self.tables["airports"] if row["tzone"]}
        for missing in ["BQN", "PSE", "SJU", "STT"]:
            zones[missing] = ZoneInfo("America/Puerto_Rico")
        self.weather = {(row["origin"], row["time_hour"]): row for row in self.tables["weather"]}
        self.names = {row["carrier"]: row["name"] for row in self.tables["airlines"]}
        self.odd = []
        self.flights, self.rejected = [], []
        for row in self.tables["flights"]:
            self.place(row, zones[row["dest"]])
            (self.rejected if self.rules(row) else self.flights).append(row)

    def place(self, row, zone):
        date = datetime(int(row["year"]), int(row["month"]), int(row["day"]), tzinfo=NEW_YORK)
        row["dep_scheduled"] = seconds(date + clock(row["sched_dep_time"]))
        row["arr_scheduled"] = first_after(row["dep_scheduled"], row["sched_arr_time"], zone)
        row["dep_actual"] = row["arr_actual"] = None
        if row["dep_time"]:
            row["dep_actual"] = row["dep_scheduled"] + 60 * int(row["dep_delay"])
            if not shows(row["dep_actual"], row["dep_time"], NEW_YORK):
                self.odd.append(row)
        if row["arr_delay"]:
            row["arr_actual"] = row["arr_scheduled"] + 60 * int(row["arr_delay"])
            if not shows(row["arr_actual"], row["arr_time"], zone):
                self.odd.append(row)
        elif row["arr_time"]:  # diverted: no delay is stated
            row["arr_actual"] = first_after(row["dep_actual"], row["arr_time"], zone)

    @staticmethod
    def rules(row):
        broken = []
        if int(row["distance"]) < 50:
            broken.append("plausible_distance")
        if row["air_time"] and int(row["distance"]) / (int(row["air_time"]) / 60) > 600:
            broken.append("plausible_speed")
        return broken

    def by(self, key):
        groups = defaultdict(list)
        for row in self.flights:
            groups[key(row)].append(row)
        return groups

    def kind_of_weather(self, row):
        reading = self.weather.get((row["origin"], row["time_hour"]))
        value = {key: float(reading[key]) if reading and reading[key] else None
                 for key in ["temp", "precip", "visib", "wind_speed"]}
        if value["wind_speed"] and value["wind_speed"] >= 200:
            value["wind_speed"] = None
        if value["temp"] is None and value["visib"] is None:
            return "unknown"
        rain = value["precip"] or 0
        if rain > 0 and value["temp"] is not None and value["temp"] <= 32:
            return "snow or ice"
        if rain >= 0.1:
            return "heavy rain"
        if rain > 0:
            return "rain"
        if value["visib"] is not None and value["visib"] < 1:
            return "fog"
        if value["wind_speed"] is not None and value["wind_speed"] >= 25:
            return "strong wind"
        return "calm"


def figures(rows, column):
    """(flights, cancelled, on-time rate, mean, 95th percentile) of a delay, as the gold tables define them."""
    delays = sorted(int(row[column]) for row in rows if row[column])
    cancelled = sum(row["dep_time"] is None for row in rows)
    if not delays:
        return len(rows), cancelled, None, None, None
    place = (len(delays) - 1) * 0.95
    low = delays[int(place)]
    high = delays[min(int(place) + 1, len(delays) - 1)]
    return (len(rows), cancelled, sum(delay < 15 for delay in delays) / len(delays), sum(delays) / len(delays),
            low + (high - low) * (place - int(place)))


def csv_rows(text):
    return list(csv.DictReader(io.StringIO(text)))


def utc(moment):
    return datetime.fromtimestamp(moment, timezone.utc)
