-- Departures by the weather at the airport in the hour of the schedule. The first name that fits counts.
SELECT
  CASE
    WHEN temp IS NULL AND visib IS NULL THEN 'unknown'
    WHEN precip > 0 AND temp <= 32 THEN 'snow or ice'
    WHEN precip >= 0.1 THEN 'heavy rain'
    WHEN precip > 0 THEN 'rain'
    WHEN visib < 1 THEN 'fog'
    WHEN wind_speed >= 25 THEN 'strong wind'
    ELSE 'calm'
  END AS weather,
  count(*) AS flights,
  round(count(*) FILTER (WHERE cancelled) / count(*), 4) AS cancelled_rate,
  round(count(*) FILTER (WHERE dep_delay < 15) / nullif(count(dep_delay), 0), 4) AS on_time_rate,
  round(avg(dep_delay), 2) AS avg_dep_delay,
  round(quantile_cont(dep_delay, 0.95), 1) AS p95_dep_delay
FROM silver.flights
GROUP BY weather
ORDER BY avg_dep_delay DESC
