-- How each school did in each subject and year, by the overall results.
SELECT
  school_year,
  school,
  subject,
  count(DISTINCT student_id) AS students,
  count(DISTINCT assessment_id) AS assessments,
  round(avg(percent_correct), 2) AS avg_percent,
  round(count(*) FILTER (WHERE mastered) / count(*), 4) AS mastery_rate
FROM (FROM gold.assessment_results UNION ALL BY NAME FROM gold.assessment_results_historical)
WHERE result_type = 'overall'
GROUP BY ALL
ORDER BY school_year, school, subject
