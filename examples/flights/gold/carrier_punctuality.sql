-- How punctual each airline was. On time: at the gate less than 15 minutes late, of the flights that arrived
-- where they were meant to.
SELECT
  carrier,
  airline AS name,
  count(*) AS flights,
  count(*) FILTER (WHERE cancelled) AS cancelled,
  round(count(*) FILTER (WHERE arr_delay < 15) / nullif(count(arr_delay), 0), 4) AS on_time_rate,
  round(avg(arr_delay), 2) AS avg_arr_delay,
  round(quantile_cont(arr_delay, 0.95), 1) AS p95_arr_delay
FROM silver.flights
GROUP BY carrier, airline
ORDER BY carrier
