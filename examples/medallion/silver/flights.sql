-- One row a flight. Times in the files are clock readings (517 is 5:17) at the airport.
SELECT
  make_date(f.year, f.month, f.day) AS date,
  f.month,
  f.carrier,
  a.name AS airline,
  f.flight,
  f.tailnum,
  p.manufacturer,
  f.origin,
  f.dest,
  d.name AS destination,
  make_time(f.sched_dep_time // 100, f.sched_dep_time % 100, 0) AS departs,
  f.dep_time IS NULL AS cancelled,
  f.dep_delay,   -- minutes
  f.arr_delay,
  f.distance,    -- miles
  f.distance / nullif(f.air_time, 0) * 60 AS speed   -- miles an hour
FROM bronze.flights AS f
LEFT JOIN bronze.airlines AS a ON a.carrier = f.carrier
LEFT JOIN bronze.planes AS p ON p.tailnum = f.tailnum
LEFT JOIN bronze.airports AS d ON d.faa = f.dest
