"""What axe-core finds wrong with one of our widgets in an open JupyterLab; the page around it is not ours.

axe looks at what is visible only: open a drawer or a card before you ask."""
import pytest

from lab_server import animation_frames

# JupyterLab's body has no height and hides what overflows: axe would take all that is in a cell for hidden, and find nothing
RUN = """async root => {
    const widget = document.querySelector(root), body = document.body.style, serious = ["serious", "critical"];
    widget.scrollIntoView();
    body.height = "100vh";
    const { violations, passes } = await axe.run(root);
    body.height = "";
    const nodes = (rules, id) => rules.filter(r => r.id === id).flatMap(r => r.nodes);
    const said = rule => rule.nodes.map(n => `${rule.impact} ${rule.id}: ${n.html.slice(0, 160)} ${[...n.any, ...n.all, ...n.none].map(c => c.message).join("; ")}`);
    return { found: violations.filter(r => serious.includes(r.impact)).flatMap(said),
        texts: [...nodes(passes, "color-contrast"), ...nodes(violations, "color-contrast")].length,
        named: [...nodes(passes, "button-name"), ...nodes(violations, "button-name")].length,
        buttons: [...widget.querySelectorAll("button")].filter(b => b.checkVisibility({ visibilityProperty: true })).length };
}"""
THEMED = """([root, dark]) => document.body.dataset.jpThemeLight === String(!dark) && !document.querySelector("#jupyterlab-splash")
    && (getComputedStyle(document.querySelector(root)).color.match(/\\d+/g)[0] > 128) === dark"""


def found(page, root):
    "What is seriously or critically wrong inside of `root` in this theme; fails where axe has seen no text, or not all buttons."
    base = pytest.importorskip("axe_playwright_python.base")
    if not page.evaluate("() => 'axe' in window"): page.evaluate(base.AXE_SCRIPT)
    report = page.evaluate(RUN, root)
    assert report["texts"] >= 2 and report["named"] >= report["buttons"], report
    return report["found"]


def found_in_both_themes(room, page, root):
    "The same in the dark and in the light theme."
    out = []
    for dark in (True, False):
        room.theme(page, dark)
        page.wait_for_function(THEMED, arg=[root, dark])
        animation_frames(page, 3)
        out += [f"{'dark' if dark else 'light'} {line}" for line in found(page, root)]
    return out
