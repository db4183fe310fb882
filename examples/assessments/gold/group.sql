-- Results by group of questions.
SELECT school_year, assessment_id, student_id, date_taken, result_for AS reporting_group, points, points_possible,
       percent_correct, performance_band_level, performance_band, mastered
FROM silver.results${matrix.suffix}
WHERE result_type = 'group'
ORDER BY assessment_id, student_id, reporting_group
