"""The peer of bench/rest.py: a Python client with 64 threads that keep their connections.

usage: rest_threads.py URL COUNT
"""
import http.client
import sys
import threading
import urllib.parse

url, count = urllib.parse.urlsplit(sys.argv[1]), int(sys.argv[2])
numbers = iter(range(count))
lock = threading.Lock()


def work():
    connection = http.client.HTTPConnection(url.hostname, url.port)
    while True:
        with lock:
            number = next(numbers, None)
        if number is None:
            return
        connection.request("GET", f"{url.path}?of={number}")
        connection.getresponse().read()


threads = [threading.Thread(target=work) for _ in range(64)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
