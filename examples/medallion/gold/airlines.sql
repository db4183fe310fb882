-- How punctual each airline was. On time: at most 15 minutes late.
SELECT
  carrier,
  any_value(airline) AS airline,
  count(*) AS flights,
  count(*) FILTER (cancelled) AS cancelled,
  round(avg((arr_delay <= 15)::INT), 4) AS on_time_rate,
  round(avg(arr_delay), 2) AS avg_arr_delay
FROM silver.flights
GROUP BY carrier
