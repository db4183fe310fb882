-- Traffic and delays on each route, by month of departure in New York.
SELECT
  CAST(date_trunc('month', timezone('America/New_York', dep_scheduled_at)) AS DATE) AS month,
  origin,
  dest,
  dest_name,
  count(*) AS flights,
  count(*) FILTER (WHERE cancelled) AS cancelled,
  round(count(*) FILTER (WHERE arr_delay < 15) / nullif(count(arr_delay), 0), 4) AS on_time_rate,
  round(avg(dep_delay), 2) AS avg_dep_delay,
  round(avg(arr_delay), 2) AS avg_arr_delay
FROM silver.flights
GROUP BY ALL
ORDER BY month, origin, dest
