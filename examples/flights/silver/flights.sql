-- One row a scheduled departure: its four times in UTC, with names and the weather of the hour beside it.
--
-- The files give clock readings (hhmm): the origin's at departure, the destination's at arrival; 2400 is
-- the next day's 0000. Only the scheduled departure has a date. The others mean the first moment at which
-- the clocks there show that reading: for an arrival after the departure, for a departure from two hours
-- before its schedule on (none leaves earlier than that, or 22 hours late). So arrivals on the next day
-- come out right.
WITH
place AS (
  SELECT faa, name, tzone FROM bronze.airports
  UNION ALL  -- airports.csv lacks four, all in Puerto Rico and on the Virgin Islands
  SELECT faa, NULL, 'America/Puerto_Rico' FROM (VALUES ('BQN'), ('PSE'), ('SJU'), ('STT')) AS missing(faa)
),
-- Minutes that each zone is ahead of UTC, hour by hour.
clock AS (
  SELECT zone, hour, date_diff('minute', timezone('UTC', hour), timezone(zone, hour)) AS ahead
  FROM (SELECT DISTINCT tzone AS zone FROM place WHERE faa IN (SELECT unnest([origin, dest]) FROM bronze.flights)) AS zones,
       (SELECT unnest(generate_series(min(time_hour) - INTERVAL 1 DAY, max(time_hour) + INTERVAL 3 DAY,
                                      INTERVAL 1 HOUR)) AS hour FROM bronze.flights) AS hours
),
-- Stretches of time without a change of clocks, in minutes since 1970 (UTC), as all moments below. Asking the
-- calendar for these, and not for every flight, takes a tenth of the time.
season AS (
  SELECT zone, ahead, minute AS since,
         lead(minute, 1, 9e9::BIGINT) OVER zone_hours AS until,
         ahead - lead(ahead, 1, ahead) OVER zone_hours AS put_back,  -- minutes, at its end
         -- as the clocks of the zone show these two
         since + ahead AS shown_from,
         lead(minute + ahead, 1, 9e9::BIGINT) OVER zone_hours AS shown_until
  FROM (SELECT *, epoch_us(hour) // 60000000 AS minute, lag(ahead) OVER (PARTITION BY zone ORDER BY hour) AS before
        FROM clock)
  WHERE ahead IS DISTINCT FROM before
  WINDOW zone_hours AS (PARTITION BY zone ORDER BY hour)
),
-- What the clocks of the origin show at departure, as if they never changed …
scheduled AS (
  SELECT f.*, p.tzone, p.name AS dest_name, o.tzone AS origin_zone, o.name AS origin_name,
         sched_arr_time // 100 * 60 + sched_arr_time % 100 AS sched_arr_minute,
         arr_time // 100 * 60 + arr_time % 100 AS arr_minute,
         date_diff('minute', DATE '1970-01-01', make_date(f.year, month, day))
           + sched_dep_time // 100 * 60 + sched_dep_time % 100 AS sched_reading,
         sched_reading - 120 + (dep_time // 100 * 60 + dep_time % 100 - sched_reading % 1440 + 120 + 1440) % 1440
           AS reading
  FROM bronze.flights AS f LEFT JOIN place AS p ON p.faa = f.dest LEFT JOIN place AS o ON o.faa = f.origin
),
-- … and when that was.
departed AS (
  SELECT f.*, sched_reading - s.ahead AS sched_dep, reading - a.ahead AS dep,
         make_timestamptz(60000000 * sched_dep) AS dep_scheduled_at,
         make_timestamptz(60000000 * dep) AS dep_actual_at
  FROM scheduled AS f
  LEFT JOIN season AS s ON s.zone = origin_zone AND sched_reading >= s.shown_from AND sched_reading < s.shown_until
  LEFT JOIN season AS a ON a.zone = origin_zone AND reading >= a.shown_from AND reading < a.shown_until
),
-- When the destination's clocks of the departure will show the reading …
flown AS (
  SELECT d.*,
         s.until AS sched_until, s.put_back AS sched_put_back,
         sched_dep + (sched_arr_minute - s.ahead + 4319 - sched_dep % 1440) % 1440 + 1 AS sched_arr,
         a.until, a.put_back,
         dep + (arr_minute - a.ahead + 4319 - dep % 1440) % 1440 + 1 AS arr
  FROM departed AS d
  LEFT JOIN season AS s ON s.zone = tzone AND sched_dep >= s.since AND sched_dep < s.until
  LEFT JOIN season AS a ON a.zone = tzone AND dep >= a.since AND dep < a.until
),
-- … and, where they are put back or forward on the way, what that makes of it.
arrived AS (
  SELECT *,
         make_timestamptz(60000000 * (sched_arr +
           CASE WHEN sched_arr + least(sched_put_back, 0) >= sched_until THEN sched_put_back ELSE 0 END)) AS arr_scheduled_at,
         make_timestamptz(60000000 * (arr +
           CASE WHEN arr + least(put_back, 0) >= until THEN put_back ELSE 0 END)) AS arr_actual_at
  FROM flown
)
SELECT
  f.carrier, l.name AS airline, f.flight, f.tailnum, f.origin, f.origin_name, f.dest, f.dest_name,
  f.dep_scheduled_at, f.dep_actual_at, f.arr_scheduled_at, f.arr_actual_at,
  CAST(f.dep_delay AS INTEGER) AS dep_delay,
  CAST(f.arr_delay AS INTEGER) AS arr_delay,
  f.dep_time IS NULL AS cancelled,
  f.dep_time IS NOT NULL AND f.arr_delay IS NULL AS diverted,
  CAST(f.air_time AS INTEGER) AS air_time,
  CAST(f.distance AS INTEGER) AS distance,
  CAST(round(f.distance * 60 / f.air_time) AS INTEGER) AS speed,
  p.manufacturer, p.model, CAST(p.year AS INTEGER) AS built, CAST(p.seats AS INTEGER) AS seats,
  w.temp, w.humid, w.precip, w.visib, w.wind_gust,
  CASE WHEN w.wind_speed < 200 THEN w.wind_speed END AS wind_speed  -- one reading says 1048 mph
FROM arrived AS f
LEFT JOIN bronze.airlines AS l ON l.carrier = f.carrier
LEFT JOIN bronze.planes AS p ON p.tailnum = f.tailnum
LEFT JOIN bronze.weather AS w ON w.origin = f.origin AND w.time_hour = f.time_hour
