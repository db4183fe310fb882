#!/usr/bin/env python3
"""The school that tests/services/api.py serves: assessments of two school years, responses, a roster.

usage: school.py roster [--students N]      prints Student_Rosters.txt

All of it follows from a seed. As in any school, some of it is wrong: answer sheets with more points than there are,
dates that are none, students who are on no roster.
"""
import argparse
import hashlib
import json

YEARS = ["23-24", "24-25"]
KINDS = ["overall", "group", "standard"]
SUBJECTS = ["Math", "ELA", "Science"]
GROUPS = ["Multiple choice", "Constructed response"]
STANDARDS = {"Math": ["MATH.4.NF.1", "MATH.4.NF.3", "MATH.4.OA.2"], "ELA": ["ELA.RL.4.1", "ELA.RL.4.2", "ELA.W.4.9"],
             "Science": ["SCI.4-PS3-1", "SCI.4-PS3-2", "SCI.4-LS1-1"]}
BANDS = [[("Not met", 0), ("Nearly met", 40), ("Met", 60), ("Exceeded", 80)],
         [("Below", 0), ("At", 50), ("Above", 75)]]
SCHOOLS = ["Alder Elementary", "Birch Elementary", "Cedar Middle", "Dogwood High"]
LAST = ["Adams", "Brown", "Garcia", "Nguyen", "Núñez", "O'Neil", "Smith", "Wang"]
FIRST = ["Ada", "Ben", "Chloé", "Dev", "Eli", 'Francisca "Paca"', "Grace", "Hoa", "Ida"]   # a tab is all that ends a field
LOW = 0xFFFFFFFF


def number(*parts):
    """A number that looks random and follows from the parts."""
    return int.from_bytes(hashlib.blake2b(repr(parts).encode(), digest_size=6).digest(), "big")


def mixed(x):
    x = (x ^ x >> 15) * 0x2C1B3C6D & LOW
    x = (x ^ x >> 12) * 0x297A2D39 & LOW
    return x ^ x >> 15


class School:
    """Assessment i has the id 1000 + i, student s the id 500000 + s."""

    def __init__(self, seed=1, assessments=20, students=50, revisions=None):
        self.seed, self.assessments, self.students = seed, assessments, students
        self.revisions = revisions or {}   # assessment id, as text → how often it was scored anew

    def revision(self, identity):
        return self.revisions.get(str(identity), 0)

    def assessment(self, i):
        identity, subject, grade = 1000 + i, SUBJECTS[i % 3], 3 + i % 8
        begins = 2023 + i % 2
        month = (8 + i % 10) % 12 + 1   # September to June
        title = f'{subject} {grade}, "Unit {i // 6 + 1}"' if i % 5 == 0 else f"{subject} {grade} – Unit {i // 6 + 1}"
        return {"assessment_id": identity, "title": title, "school_year": YEARS[i % 2], "subject": subject,
                "grade_level": grade, "date_administered": f"{begins + (month < 9)}-{month:02d}-{i % 28 + 1:02d}",
                "updated_at": f"2025-06-{10 + self.revision(identity):02d}T{i % 24:02d}:00:00Z",
                "performance_bands": [{"level": n + 1, "label": label, "minimum": minimum}
                                      for n, (label, minimum) in enumerate(BANDS[i % 2])]}

    def listed(self, year=None):
        return [i for i in range(self.assessments) if year in (None, YEARS[i % 2])]

    @staticmethod
    def parts(kind, i):
        """A student has one overall result, and one for each group and standard of the assessment."""
        return {"overall": 1, "group": 1 + i % 2, "standard": 1 + i // 2 % 3}[kind]

    def count(self, kind, i):
        return self.students * self.parts(kind, i)

    def responses(self, kind, identity, begin, end):
        """The JSON of rows begin to end. Written by hand: there are millions."""
        i, rows = identity - 1000, []
        parts, subject = self.parts(kind, i), SUBJECTS[i % 3]
        base = number(self.seed, kind, identity, self.revision(identity))
        possible = {"overall": 20 + i % 31, "group": 10, "standard": 4 + i % 3}[kind]
        minimums = [minimum for _, minimum in BANDS[i % 2]]
        month = self.assessment(i)["date_administered"][:8]
        for n in range(begin, min(end, self.students * parts)):
            x = mixed(base + n * 0x9E3779B1 & LOW)
            halves = x % (2 * possible + 1)
            if x // 1000 % 997 == 0:
                halves = 2 * possible + 3
            percent = round(halves * 50 / possible, 2)
            level = sum(percent >= minimum for minimum in minimums)
            taken = "0000-00-00" if x // 7 % 1499 == 0 else f"{month}{x % 28 + 1:02d}"
            part = n % parts
            more = ""
            if kind == "group":
                more = f',"reporting_group_id":{part + 1},"reporting_group":"{GROUPS[part]}"'
            elif kind == "standard":
                more = f',"standard_id":{900 + part},"standard":"{STANDARDS[subject][part]}"'
            rows.append(f'{{"assessment_id":{identity},"student_id":{500000 + n // parts},"date_taken":"{taken}",'
                        f'"points":{halves / 2},"points_possible":{possible},"percent_correct":{percent},'
                        f'"performance_band_level":{level},"mastered":{"true" if percent >= 60 else "false"}{more}}}')
        return rows

    def rows(self, kind, identity):
        """All of them, as a client sees them."""
        return json.loads("[" + ",".join(self.responses(kind, identity, 0, self.count(kind, identity - 1000))) + "]")

    def roster(self):
        """Lines of Student_Rosters.txt: one an enrolment; who changed school has two."""
        yield "student_id\tlast_name\tfirst_name\tgrade_level\tschool\tenglish_learner\tentry_date\texit_date"
        for s in range(self.students):
            if s % 97 == 13:   # moved away
                continue
            who = f"{500000 + s}\t{LAST[s % 8]}\t{FIRST[s % 9]}"
            school, learner = s // 3 % 4, "Y" if s % 6 == 0 else "N"
            if s % 11 == 5:
                other = SCHOOLS[(school + 1) % 4]
                yield f"{who}\t{3 + s % 8}\t{other}\t{learner}\t2023-08-21\t2024-01-19"
            yield f"{who}\t{3 + s % 8}\t{SCHOOLS[school]}\t{learner}\t2024-01-22\t"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["roster"])
    parser.add_argument("--students", type=int, default=2000)
    print("\n".join(School(students=parser.parse_args().students).roster()))


if __name__ == "__main__":
    main()
