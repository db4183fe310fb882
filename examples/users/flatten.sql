SELECT id,
       name.first AS first_name,
       name.last AS last_name,
       gender,
       concat_ws(', ', location.street.number || ' ' || location.street.name, location.city,
                 location.state, location.country) AS address,
       location.postcode AS post_code,
       email,
       username,
       registered_date,
       phone,
       picture,
       location.country AS country
FROM input
