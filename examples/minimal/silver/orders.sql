SELECT order_id,
       ordered_at,
       trim(customer)               AS customer,
       CAST(amount AS DECIMAL(12,2)) AS amount,
       lower(status)                AS status
FROM bronze.orders
