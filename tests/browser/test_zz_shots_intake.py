from __future__ import annotations
import pytest
from tests.browser.opened import STATES
from tests.browser.states import make
pytestmark=[pytest.mark.browser]
def test_shots(demo, chromium):
    made=make(demo)
    for i,state in enumerate(STATES):
        context=chromium.new_context(base_url=demo.url, reduced_motion="reduce", viewport={"width":1280,"height":900})
        context.add_cookies([{"name":"session","value":made.cookie(state.who),"url":demo.url}])
        page=context.new_page()
        page.goto(state.path.format(**vars(made)))
        if state.steps: state.steps(page,made); page.wait_for_load_state()
        n=state.name.replace(" ","-").replace(",","")
        page.screenshot(path=f"/tmp/intake/s-{i:02d}-{n}-1280.png",full_page=True)
        page.set_viewport_size({"width":375,"height":800})
        page.screenshot(path=f"/tmp/intake/s-{i:02d}-{n}-375.png",full_page=True)
        context.close()
