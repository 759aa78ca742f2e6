"""Makes a Keystone in a folder: database, keys, projects, users, roles, an application credential, a catalogue.

usage: bootstrap.py FOLDER      (with the Python of ops/python/environment keystone)

Each user's password is random and of this installation alone. The folder then has `installation.json`: ids and
passwords of everything that was made. All paths in it are relative, so that a copy of it is a Keystone too.
"""

import json
import os
import secrets
import subprocess
import sys

REGIONS = ["RegionOne", "RegionTwo"]
PROJECTS = ["service", "alpha", "beta"]
ROLES = ["admin", "member", "reader"]
CONFIGURATION = """\
[DEFAULT]
use_stderr = true
default_log_levels = alembic=WARN,sqlalchemy=WARN,keystone.common.password_hashing=ERROR
[database]
connection = sqlite:///keystone.db
[fernet_tokens]
key_repository = fernet
[fernet_receipts]
key_repository = fernet
[credential]
key_repository = credential
[cache]
# A request asks the database a hundred times otherwise. In this process alone, so that what is revoked is known at once.
enabled = true
backend = dogpile.cache.memory
[identity]
# The cheapest rounds of bcrypt: for trying, not for a cloud.
password_hash_rounds = 4
"""


def manage(*arguments, **more):
    """Runs keystone-manage with the configuration in the current folder."""
    program = os.path.join(os.path.dirname(sys.executable), "keystone-manage")
    command = [program, "--config-file", "keystone.conf", *arguments]
    subprocess.run(command, check=True, env={**os.environ, **more}, stdout=subprocess.DEVNULL)


class Identity:
    """The identity API, called in this process."""

    def __init__(self):
        sys.argv = sys.argv[:1]  # Keystone reads the arguments otherwise.
        os.environ["OS_KEYSTONE_CONFIG_FILES"] = "keystone.conf"
        os.environ["OS_KEYSTONE_CONFIG_DIR"] = os.getcwd()
        from keystone.server.wsgi import initialize_public_application
        from werkzeug.test import Client

        self.client = Client(initialize_public_application())
        self.token = None

    def call(self, method, path, body=None):
        headers = {"X-Auth-Token": self.token} if self.token else {}
        answer = self.client.open("/v3" + path, method=method, json=body, headers=headers)
        if answer.status_code >= 300:
            sys.exit(f"{method} {path}: {answer.status} {answer.text}")
        return answer

    def make(self, kind, path=None, **fields):
        """Makes a thing and gives its id."""
        answer = self.call("POST", path or f"/{kind}s", {kind: fields})
        return answer.json[kind]["id"]

    def log_in(self, user, password, project):
        domain = {"id": "default"}
        person = {"name": user, "password": password, "domain": domain}
        auth = {
            "identity": {"methods": ["password"], "password": {"user": person}},
            "scope": {"project": {"name": project, "domain": domain}},
        }
        self.token = None
        self.token = self.call("POST", "/auth/tokens", {"auth": auth}).headers["X-Subject-Token"]


def main(folder):
    os.makedirs(folder, exist_ok=True)
    os.chdir(folder)
    with open("keystone.conf", "w") as file:
        file.write(CONFIGURATION)
    for keys in ("fernet", "credential"):
        os.makedirs(keys, mode=0o700, exist_ok=True)
    owner = ["--keystone-user", str(os.getuid()), "--keystone-group", str(os.getgid())]
    manage("db_sync")
    manage("fernet_setup", *owner)
    manage("credential_setup", *owner)
    password = {"admin": secrets.token_urlsafe(18)}
    # serve.py puts the real addresses here.
    manage(
        "bootstrap",
        *("--bootstrap-region-id", REGIONS[0]),
        *("--bootstrap-public-url", "http://127.0.0.1/v3"),
        OS_BOOTSTRAP_PASSWORD=password["admin"],
    )

    identity = Identity()
    identity.log_in("admin", password["admin"], "admin")
    roles = {role["name"]: role["id"] for role in identity.call("GET", "/roles").json["roles"]}
    projects = {item["name"]: item["id"] for item in identity.call("GET", "/projects").json["projects"]}
    users = {item["name"]: item["id"] for item in identity.call("GET", "/users").json["users"]}
    for name in PROJECTS:
        projects[name] = identity.make("project", name=name, domain_id="default")

    def user(name, project, granted):
        password[name] = secrets.token_urlsafe(18)
        fields = {"name": name, "password": password[name], "domain_id": "default"}
        users[name] = identity.make("user", default_project_id=projects[project], **fields)
        for role in granted:
            identity.call("PUT", f"/projects/{projects[project]}/users/{users[name]}/roles/{roles[role]}")

    # The service's own: it validates tokens (service) and looks projects up (admin).
    user("zonelog", "service", ["service", "admin"])
    for project in ("alpha", "beta"):
        for role in ROLES:
            user(f"{project}-{role}", project, [role])
    # A person who may do nothing with DNS: a role that no rule names.
    roles["guest"] = identity.make("role", name="guest")
    user("alpha-guest", "alpha", ["guest"])

    identity.make("region", id=REGIONS[1])
    for kind, name, regions in (("dns", "designate", REGIONS), ("network", "neutron", REGIONS[:1])):
        service = identity.make("service", type=kind, name=name)
        for region in regions:
            fields = {"interface": "public", "region_id": region, "service_id": service}
            identity.make("endpoint", url="http://127.0.0.1", **fields)

    identity.log_in("zonelog", password["zonelog"], "service")
    credential = identity.call(
        "POST",
        f"/users/{users['zonelog']}/application_credentials",
        {"application_credential": {"name": "zonelog", "description": "of the DNS service"}},
    ).json["application_credential"]

    installation = {
        "projects": projects,
        "users": {name: {"id": users[name], "password": password[name]} for name in password},
        "application_credential": {"id": credential["id"], "secret": credential["secret"]},
        "regions": REGIONS,
    }
    with os.fdopen(os.open("installation.json", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(installation, file, indent=1)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
