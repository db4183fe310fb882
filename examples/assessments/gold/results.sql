-- Results as people read them. Those of students on no roster have no school, and are put aside.
SELECT r.school_year, s.school, s.grade_level, r.student_id, s.last_name, s.first_name, s.english_learner,
       r.assessment_id, a.title, a.subject, a.date_administered, r.date_taken, r.result_type, r.result_for,
       r.points, r.points_possible, r.percent_correct, r.performance_band, r.mastered
FROM silver.results${matrix.suffix} AS r
JOIN bronze.assessments${matrix.suffix} AS a ON a.assessment_id = r.assessment_id
LEFT JOIN silver.students AS s ON s.student_id = r.student_id
ORDER BY r.assessment_id, r.student_id, r.result_type, r.result_for
