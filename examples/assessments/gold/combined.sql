-- Overall results, by group and by standard.
SELECT school_year, assessment_id, student_id, date_taken, result_type, result_for, points, points_possible,
       percent_correct, performance_band_level, performance_band, mastered
FROM silver.results${matrix.suffix}
ORDER BY assessment_id, student_id, result_type, result_for
