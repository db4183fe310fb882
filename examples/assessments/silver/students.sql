-- A row a student: of several enrolments, the latest.
SELECT student_id, last_name, first_name, grade_level, school, english_learner = 'Y' AS english_learner
FROM bronze.rosters
QUALIFY row_number() OVER (PARTITION BY student_id ORDER BY entry_date DESC) = 1
