-- Words are letters and digits, with apostrophes and hyphens between them. Ordered, so that the same file gives the
-- same bytes, and so the same CID.
SELECT word, count(*) AS occurrences, min(number) AS first_line
FROM (
  SELECT unnest(regexp_extract_all(lower(line), '[\p{L}\p{N}]+(?:[''’-][\p{L}\p{N}]+)*')) AS word,
         row_number() OVER () AS number
  FROM input
)
GROUP BY word
ORDER BY occurrences DESC, word
