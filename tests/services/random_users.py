#!/usr/bin/env python3
"""An API that answers as https://randomuser.me/api does: made-up users, no one twice.

usage: tests/services/random_users.py [--port N] [--seed N] [--bad SHARE]    prints the address; runs until stopped

GET /?results=N answers with the next N users (1 to 5,000). As the real one does, it gives post codes as numbers for
some countries and as text for others. --bad: of so many the mail address is none, or the post code is missing.
GET /_served answers with how many users were served; GET /_misfits with the ids of those that fit no rule.
"""
import argparse
import http.server
import json
import random
import sys
import threading
import urllib.parse
import uuid

COUNTRIES = [("Germany", "DE", lambda dice: dice.randint(10000, 99999)),
             ("Netherlands", "NL", lambda dice: f"{dice.randint(1000, 9999)} {dice.choice('ABCDE')}X"),
             ("France", "FR", lambda dice: dice.randint(10000, 95999)),
             ("United Kingdom", "GB", lambda dice: f"{dice.choice(['AB', 'LS', 'SW'])}{dice.randint(1, 20)} 4QZ"),
             ("Brazil", "BR", lambda dice: dice.randint(10000, 99999))]
FIRST = {"female": ["Ada", "Grace", "Noor", "Chloé", "Mia", "Zoë"], "male": ["Alan", "Linus", "José", "Ken", "Ravi"]}
LAST = ["Meyer", "de Vries", "Dubois", "O'Neill", "Silva", "Nguyễn", "Smith"]
STREETS = ["Hauptstraße", "Kerkstraat", "Rue de la Paix", "High Street", "Rua das Flores"]


def user(number, seed, bad):
    dice = random.Random(f"{seed}-{number}")
    gender = dice.choice(["female", "male"])
    first, last = dice.choice(FIRST[gender]), dice.choice(LAST)
    country, nat, post_code = dice.choice(COUNTRIES)
    username = f"{dice.choice(['blue', 'happy', 'lazy'])}{dice.choice(['bear', 'swan', 'tiger'])}{number}"
    one = {
        "gender": gender,
        "name": {"title": "Ms" if gender == "female" else "Mr", "first": first, "last": last},
        "location": {"street": {"number": dice.randint(1, 9999), "name": dice.choice(STREETS)},
                     "city": f"City {dice.randint(1, 200)}", "state": f"State {dice.randint(1, 20)}",
                     "country": country, "postcode": post_code(dice),
                     "coordinates": {"latitude": f"{dice.uniform(-90, 90):.4f}",
                                     "longitude": f"{dice.uniform(-180, 180):.4f}"},
                     "timezone": {"offset": "+1:00", "description": "Brussels, Copenhagen, Madrid, Paris"}},
        "email": f"{username}@example.com",
        "login": {"uuid": str(uuid.UUID(int=dice.getrandbits(128), version=4)), "username": username,
                  "password": "not-a-real-one", "salt": "0", "md5": "0", "sha1": "0", "sha256": "0"},
        "dob": {"date": f"19{dice.randint(50, 99)}-0{dice.randint(1, 9)}-11T05:20:01.123Z", "age": dice.randint(20, 70)},
        "registered": {"date": f"20{dice.randint(10, 25)}-0{dice.randint(1, 9)}-2{dice.randint(0, 8)}T16:40:09.907Z",
                       "age": dice.randint(1, 15)},
        "phone": f"0{dice.randint(100, 999)}-{dice.randint(1000000, 9999999)}", "cell": "0171-1234567",
        "id": {"name": "", "value": None},
        "picture": {size: f"https://randomuser.me/api/portraits/{size}/{number % 100}.jpg"
                    for size in ("large", "medium", "thumbnail")},
        "nat": nat,
    }
    if dice.random() < bad:
        if dice.random() < 0.5:
            one["email"] = username
        else:
            one["location"]["postcode"] = None
    return one


class Api(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        if url.path == "/_served":
            return self.answer({"served": self.server.served})
        if url.path == "/_misfits":
            return self.answer(self.server.misfits)
        query = urllib.parse.parse_qs(url.query)
        try:
            wanted = max(1, min(5000, int(query.get("results", ["1"])[0])))
        except ValueError:
            wanted = 1
        with self.server.lock:
            begin = self.server.served
            self.server.served += wanted
        users = [user(number, self.server.seed, self.server.bad) for number in range(begin, begin + wanted)]
        misfits = [one["login"]["uuid"] for one in users
                   if "@" not in one["email"] or one["location"]["postcode"] is None]
        with self.server.lock:
            self.server.misfits += misfits
        self.answer({"results": users, "info": {"seed": str(self.server.seed), "results": wanted, "page": 1,
                                                "version": "1.4"}})

    def answer(self, body):
        data = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--bad", type=float, default=0.02)
    options = parser.parse_args()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", options.port), Api)
    server.seed, server.bad, server.served, server.misfits = options.seed, options.bad, 0, []
    server.lock = threading.Lock()
    print(f"listening on http://127.0.0.1:{server.server_address[1]}", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        sys.exit(0)


if __name__ == "__main__":
    main()
