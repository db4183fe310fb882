"""What examples/assessments must give, worked out a second time: in plain Python, row by row, from what the API has.

Nothing here is shared with the example's SQL. Figures are compared as texts, as a reader of the files sees them.
"""
from collections import defaultdict
from decimal import Decimal

from school import KINDS, YEARS

NAMES = {"24-25": "", "23-24": "_historical"}
GROUP = ["school_year", "assessment_id", "student_id", "date_taken", "reporting_group", "points", "points_possible",
         "percent_correct", "performance_band_level", "performance_band", "mastered"]
COMBINED = GROUP[:4] + ["result_type", "result_for"] + GROUP[5:]
VIEW = ["school_year", "school", "grade_level", "student_id", "last_name", "first_name", "english_learner",
        "assessment_id", "title", "subject", "date_administered", "date_taken", "result_type", "result_for", "points",
        "points_possible", "percent_correct", "performance_band", "mastered"]


def two_places(number):
    return str(Decimal(str(number)).quantize(Decimal("0.01")))


def latest_enrolments(path):
    """student → school, grade, names, learner."""
    enrolments = {}
    with open(path, encoding="utf-8") as lines:
        next(lines)
        for line in lines:
            student, last, first, grade, school, learner, entry, _ = line.rstrip("\n").split("\t")
            if int(student) not in enrolments or enrolments[int(student)][0] < entry:
                enrolments[int(student)] = (entry, school, grade, last, first, "true" if learner == "Y" else "false")
    return enrolments


class Expected:
    """For one school year. `missing`: assessments, by number, whose responses the API does not give."""

    def __init__(self, school, roster, year, missing=()):
        self.school, self.year, self.missing = school, year, set(missing)
        self.enrolments = latest_enrolments(roster)
        self.bad_dates = dict.fromkeys(KINDS, 0)
        self.too_many = self.unknown = self.responses = self.accepted = 0
        self.overall = defaultdict(list)   # (school, subject) → (student, assessment, percent, mastered)

    def results(self):
        """(assessment, response, kind, what for), good ones, in the order of the files; counts the others."""
        for i in self.school.listed(self.year):
            if i in self.missing:
                continue
            assessment, found = self.school.assessment(i), []
            for kind in KINDS:
                for row in self.school.rows(kind, assessment["assessment_id"]):
                    if row["date_taken"] == "0000-00-00":
                        self.bad_dates[kind] += 1
                        continue
                    self.responses += 1
                    if row["points"] > row["points_possible"]:
                        self.too_many += 1
                        continue
                    what = {"overall": "overall", "group": row.get("reporting_group"),
                            "standard": row.get("standard")}[kind]
                    found.append((row["student_id"], kind, what, row))
            found.sort(key=lambda each: each[:3])
            for _, kind, what, row in found:
                yield assessment, row, kind, what

    def files(self):
        """(file, row) for each row of each of the three files, each file's rows in order."""
        for assessment, row, kind, what in self.results():
            self.accepted += 1
            label = next(band["label"] for band in assessment["performance_bands"]
                         if band["level"] == row["performance_band_level"])
            mastered = "true" if row["mastered"] else "false"
            figures = [two_places(row[name]) for name in ["points", "points_possible", "percent_correct"]]
            begin = [self.year, str(row["assessment_id"]), str(row["student_id"]), row["date_taken"]]
            end = [*figures, str(row["performance_band_level"]), label, mastered]
            if kind == "group":
                yield "group", [*begin, what, *end]
            yield "combined", [*begin, kind, what, *end]
            if row["student_id"] not in self.enrolments:
                self.unknown += 1
                continue
            _, school, grade, last, first, learner = self.enrolments[row["student_id"]]
            yield "view", [self.year, school, grade, str(row["student_id"]), last, first, learner,
                           str(row["assessment_id"]), assessment["title"], assessment["subject"],
                           assessment["date_administered"], row["date_taken"], kind, what, *figures, label, mastered]
            if kind == "overall":
                self.overall[school, assessment["subject"]].append(
                    (row["student_id"], row["assessment_id"], row["percent_correct"], row["mastered"]))

    def summary(self):
        """(year, school, subject) → students, assessments, mean percent, mastery rate. After files()."""
        return {(self.year, *key): (len({row[0] for row in rows}), len({row[1] for row in rows}),
                                    sum(row[2] for row in rows) / len(rows), sum(row[3] for row in rows) / len(rows))
                for key, rows in self.overall.items()}


def paths(year):
    name = NAMES[year]
    return {"group": f"illuminate/assessment_results_group{name}.csv",
            "combined": f"illuminate/assessment_results_combined{name}.csv",
            "view": f"views/illuminate_assessment_results{name}.csv"}


HEADERS = {"group": GROUP, "combined": COMBINED, "view": VIEW}
__all__ = ["Expected", "HEADERS", "NAMES", "YEARS", "paths"]
