-- Traffic by day and airport of departure.
SELECT
  date,
  origin,
  count(*) AS flights,
  count(*) FILTER (cancelled) AS cancelled,
  round(avg(dep_delay), 2) AS avg_dep_delay
FROM silver.flights
GROUP BY date, origin
