from .world import World, application, config


async def test_first(world: World) -> None:
    world.git.commit(web=[config("a"), config("b")])
    await world.create(application(automated={}))
    import json
    print(json.dumps(world.status(), indent=1))
    print([str(c) for c in world.api.calls])
    assert world.has("ConfigMap", "a")
    assert world.status()["sync"]["status"] == "Synced"
    n = len(world.api.writes)
    await world.look()
    assert len(world.api.writes) == n
