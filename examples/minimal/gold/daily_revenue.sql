SELECT CAST(ordered_at AS DATE) AS day,
       count(*)                 AS orders,
       sum(amount)              AS revenue
FROM silver.orders
WHERE status = 'paid'
GROUP BY day
ORDER BY day
