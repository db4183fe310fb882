-- Responses of one school year in one shape: what a row is about stands in result_type and result_for. The API
-- tells the level of a performance band, the assessment how that level is called.
WITH
response AS (
  SELECT 'overall' AS result_type, 'overall' AS result_for, * FROM bronze.responses_overall${matrix.suffix}
  UNION ALL BY NAME
  SELECT 'group' AS result_type, reporting_group AS result_for, * FROM bronze.responses_group${matrix.suffix}
  UNION ALL BY NAME
  SELECT 'standard' AS result_type, standard AS result_for, * FROM bronze.responses_standard${matrix.suffix}
),
band AS (
  SELECT assessment_id, unnest(performance_bands, recursive := true) FROM bronze.assessments${matrix.suffix}
)
SELECT
  '${matrix.year}' AS school_year,
  r.assessment_id, r.student_id, r.date_taken, r.result_type, r.result_for,
  r.points, r.points_possible, r.percent_correct,
  r.performance_band_level, b.label AS performance_band, r.mastered
FROM response AS r
LEFT JOIN band AS b ON b.assessment_id = r.assessment_id AND b.level = r.performance_band_level
