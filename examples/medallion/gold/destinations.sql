-- Where people went, and how late they came.
SELECT
  dest,
  any_value(destination) AS destination,
  count(*) AS flights,
  min(distance) AS distance,
  round(avg(arr_delay), 2) AS avg_arr_delay,
  quantile_disc(arr_delay, 0.95) AS p95_arr_delay
FROM silver.flights
GROUP BY dest
