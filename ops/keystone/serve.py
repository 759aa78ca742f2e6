"""Serves the Keystone that bootstrap.py made in a folder, on 127.0.0.1, until it is ended.

usage: serve.py FOLDER [--port N] [--dns-endpoint URL] [--network-endpoint URL] [--token-seconds N]

Writes its URL to FOLDER/url as soon as it listens (port 0, the default: any free one). The endpoints given stand in
the catalogue from then on, in all regions; those not given stay what they were.
"""

import argparse
import os
import sqlite3
import sys


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--dns-endpoint")
    parser.add_argument("--network-endpoint")
    parser.add_argument("--token-seconds", type=int, help="how long a token is valid")
    given = parser.parse_args()
    os.chdir(given.folder)

    files = ["keystone.conf"]
    if given.token_seconds:
        files.append("token.conf")
        with open("token.conf", "w") as file:
            file.write(f"[token]\nexpiration = {given.token_seconds}\n")
    os.environ["OS_KEYSTONE_CONFIG_DIR"] = os.getcwd()
    os.environ["OS_KEYSTONE_CONFIG_FILES"] = ";".join(files)
    sys.argv = sys.argv[:1]  # Keystone reads the arguments otherwise.

    import waitress.server
    from keystone.server.wsgi import initialize_public_application

    application = initialize_public_application()
    server = waitress.server.create_server(
        application, host="127.0.0.1", port=given.port, threads=4, clear_untrusted_proxy_headers=True
    )
    url = f"http://127.0.0.1:{server.effective_port}/v3"
    endpoints = {"identity": url, "dns": given.dns_endpoint, "network": given.network_endpoint}
    with sqlite3.connect("keystone.db") as database:
        for kind, endpoint in endpoints.items():
            if endpoint:
                database.execute(
                    "update endpoint set url = ? where service_id in (select id from service where type = ?)",
                    (endpoint, kind),
                )
    with open("url.new", "w") as file:
        file.write(url)
    os.rename("url.new", "url")
    server.run()


if __name__ == "__main__":
    main()
