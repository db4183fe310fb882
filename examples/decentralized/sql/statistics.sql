WITH lines AS (
  SELECT line, regexp_extract_all(lower(line), '[\p{L}\p{N}]+(?:[''’-][\p{L}\p{N}]+)*') AS words FROM input
),
words AS (SELECT unnest(words) AS word FROM lines)
SELECT (SELECT count(*) FROM lines) AS lines,
       (SELECT sum(length(line)) FROM lines) AS characters,
       count(*) AS words,
       count(DISTINCT word) AS different_words,
       round(avg(length(word)), 2) AS mean_length,
       max(length(word)) AS longest,
       max_by(word, (length(word), word)) AS longest_word
FROM words
