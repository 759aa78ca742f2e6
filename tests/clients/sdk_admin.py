"""What an administrator does through openstacksdk: TLDs, blacklists, TSIG keys, quotas, service statuses.

usage: sdk_admin.py PROJECT-ID    (logged in by OS_...)
"""

import sys

import openstack
from openstack import exceptions


def main(project):
    dns = openstack.connect().dns

    tld = dns.create_tld(name="sdk", description="A TLD.")
    assert dns.get_tld(tld.id).name == "sdk"
    assert dns.find_tld("sdk").id == tld.id
    assert dns.update_tld(tld, description="Another.").description == "Another."
    assert [found.id for found in dns.tlds()] == [tld.id]
    dns.delete_tld(tld)
    assert list(dns.tlds()) == []

    blacklist = dns.create_blacklist(pattern="^bad\\.", description="Not these.")
    assert dns.get_blacklist(blacklist.id).pattern == "^bad\\."
    assert dns.update_blacklist(blacklist, pattern="^worse\\.").pattern == "^worse\\."
    assert [found.id for found in dns.blacklists()] == [blacklist.id]
    dns.delete_blacklist(blacklist)

    zone = dns.create_zone(name="admin.sdk.", email="a@example.org")
    secret = "c2VjcmV0LW9mLXRoZS1zZGs="
    key = dns.create_tsigkey(
        name="sdk-key", algorithm="hmac-sha256", secret=secret, scope="ZONE", resource_id=zone.id
    )
    assert dns.get_tsigkey(key.id).secret == secret
    assert dns.find_tsigkey("sdk-key").id == key.id
    assert [found.id for found in dns.tsigkeys()] == [key.id]
    dns.delete_tsigkey(key)

    # The SDK names the other project by the sudo header.
    changed = dns.update_quota(project, zones=3)
    assert changed.zones == 3, changed
    assert dns.get_quota(project).zones == 3
    dns.delete_quota(project)
    assert dns.get_quota(project).zones == 10

    services = {found.service_name: found for found in dns.service_statuses()}
    assert services["central"].status == "UP", services
    assert dns.get_service_status(services["central"].id).hostname == services["central"].hostname

    assert [found.name for found in dns.zones(all_projects=True, name="admin.sdk.")] == ["admin.sdk."]
    assert all(found.project_id == project for found in dns.zones(project_id=project))
    assert list(dns.zone_transfer_accepts(all_projects=True))
    dns.abandon_zone(zone)
    try:
        dns.get_zone(zone.id)
        raise AssertionError("an abandoned zone is still there")
    except exceptions.NotFoundException:
        pass
    print("all done")


main(*sys.argv[1:])
