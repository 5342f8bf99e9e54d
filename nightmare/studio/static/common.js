// What all components of the studio share, on one namespace. Plain script, no build, no dependencies.
(() => {
  "use strict";

  // ---- settings that survive a reload -------------------------------------------------------------------------

  const PREFIX = "nightmare.";

  const kept = (name, otherwise = null) => {
    try {
      return JSON.parse(localStorage.getItem(PREFIX + name)) ?? otherwise;
    } catch {
      return otherwise; // no storage here, or something else wrote there
    }
  };

  const keep = (name, value) => {
    try {
      localStorage.setItem(PREFIX + name, JSON.stringify(value));
    } catch {
      // a private window without storage: then nothing survives
    }
  };

  // ---- messages between components ----------------------------------------------------------------------------

  const listeners = new Map();
  const last = new Map();

  // Hear of `name` from now on, and at once of what was last said.
  const on = (name, hear) => {
    listeners.set(name, [...(listeners.get(name) ?? []), hear]);
    if (last.has(name)) hear(last.get(name));
  };

  const emit = (name, value) => {
    last.set(name, value);
    for (const hear of listeners.get(name) ?? []) hear(value);
  };

  // ---- requests -----------------------------------------------------------------------------------------------

  const SENTENCES = {
    401: "Log in first: open the address that the studio printed when it started.",
    403: "The studio refused that request: reload the page.",
    404: "That is no longer here.",
    413: "That is too large.",
    422: "The studio did not understand that.",
    500: "Something went wrong in the studio; its terminal says what.",
    503: "The dreamer is busy.",
  };
  const GONE = "The dream server is not answering.";
  const LONGEST_PAUSE = 30;

  class Failure extends Error {
    constructor(status, sentence, retryAfter = 0) {
      super(sentence);
      this.status = status;
      this.retryAfter = retryAfter;
    }
  }

  // A `signal` that is aborted ends it at once.
  const pause = (seconds, signal = null) =>
    new Promise((resolve) => {
      setTimeout(resolve, 1000 * seconds);
      signal?.addEventListener("abort", resolve, { once: true });
    });

  // The answer, or a Failure with a sentence. While the server is away it is asked again after 1, 2, 4 … 30 seconds,
  // until `signal` is aborted; `tries()` hears of each time.
  const request = async (path, { method = "GET", body, type, signal, tries } = {}) => {
    const headers = { "X-Deep-Nightmare": "1", ...(type ? { "Content-Type": type } : {}) };
    for (let seconds = 1; ; seconds = Math.min(2 * seconds, LONGEST_PAUSE)) {
      let answer;
      tries?.();
      try {
        answer = await fetch(path, { method, body, headers, signal });
      } catch (error) {
        if (signal?.aborted) throw error;
        banner(`${GONE} Trying again in ${seconds} s.`);
        await pause(seconds, signal);
        continue;
      }
      if (answer.ok) {
        banner("");
        return answer;
      }
      const said = await answer.json().catch(() => ({}));
      const sentence = said.sentence ?? SENTENCES[answer.status] ?? `The studio answered ${answer.status}.`;
      banner(answer.status === 401 ? sentence : "", { login: true });
      throw new Failure(answer.status, sentence, Number(answer.headers.get("Retry-After") ?? 0));
    }
  };

  const getJson = async (path, options) => (await request(path, options)).json();

  const postJson = (path, value, options) =>
    getJson(path, { method: "POST", body: JSON.stringify(value), type: "application/json", ...options });

  // Each line of an answer as it comes, a JSON value. Fails where the connection does.
  async function* lines(answer) {
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      const whole = (rest + value).split("\n");
      rest = whole.pop();
      yield* whole.map((line) => JSON.parse(line));
    }
  }

  // Resolves with the server's health when the model is awake. Refused, it goes on asking: a studio that was started
  // anew with a token answers when somebody has logged in.
  const awake = async () => {
    for (;;) {
      try {
        const health = await getJson("/healthz");
        if (health.ready) return health;
        await pause(0.5);
      } catch (failure) {
        if (failure.status !== 401) banner(failure instanceof Failure ? failure.message : GONE);
        await pause(2);
      }
    }
  };

  // ---- small pieces of the page ---------------------------------------------------------------------------------

  // An element with properties, or attributes where the name has a dash, and children.
  const make = (tag, properties = {}, ...children) => {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(properties)) {
      if (name.includes("-") || name === "role") element.setAttribute(name, value);
      else element[name] = value;
    }
    element.append(...children);
    return element;
  };

  let bannerParts = null;

  // Where one gives the token without leaving the page, which keeps what is painted. It takes effect in every tab.
  const loginForm = () => {
    const token = make("input", { type: "password", name: "token", required: true, autocomplete: "current-password" });
    const button = make("button", { type: "submit", className: "nm-button" }, "Log in");
    const form = make("form", { className: "nm-row" }, make("label", {}, "Token ", token), button);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      request(`/login?${new URLSearchParams(new FormData(form))}`).then(
        () => form.reset(),
        (failure) => banner(failure.message, { login: true }),
      );
    });
    return form;
  };

  // One line over the page for what concerns all of it, with a way to log in where that is what is lacking; an empty
  // line takes it away.
  const banner = (sentence, { login = false } = {}) => {
    if (!bannerParts) {
      if (!sentence) return;
      bannerParts = { line: make("p", { role: "alert" }), form: loginForm() };
      document.body.append(make("div", { className: "nm-banner" }, bannerParts.line, bannerParts.form));
    }
    const { line, form } = bannerParts;
    if (line.textContent !== sentence) line.textContent = sentence;
    line.parentElement.hidden = !sentence;
    form.hidden = !login;
  };

  // The label of the choice that was made, or null; the first choice is the one that Enter takes.
  const ask = (sentence, choices) =>
    new Promise((resolve) => {
      const id = `nm-ask-${Date.now()}`;
      const dialog = make("dialog", { className: "nm-dialog", "aria-labelledby": id });
      const buttons = choices.map((choice, place) => {
        const className = place ? "nm-button" : "nm-button nm-primary";
        return make("button", { type: "submit", value: choice, className }, choice);
      });
      const form = make("form", { method: "dialog" }, make("div", { className: "nm-dialog-buttons" }, ...buttons));
      dialog.append(make("p", { id }, sentence), form);
      document.body.append(dialog);
      dialog.addEventListener("close", () => {
        dialog.remove();
        resolve(dialog.returnValue || null);
      });
      dialog.showModal();
    });

  // Says at most one thing a second in a `role=status` element; what is `urgent` is said at once.
  const speaker = (element) => {
    let next = null;
    let timer = null;
    const say = () => {
      timer = null;
      if (next !== null && element.textContent !== next) {
        element.textContent = next;
        timer = setTimeout(say, 1000);
      }
      next = null;
    };
    return (sentence, { urgent = false } = {}) => {
      next = sentence;
      if (urgent) clearTimeout(timer);
      if (urgent || timer === null) say();
    };
  };

  const calm = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

  // ---- tabs and the address ---------------------------------------------------------------------------------------

  // The tab that the address names, and the rest of it: `#compare?octaves=3`.
  const place = () => {
    const [tab, query = ""] = location.hash.slice(1).split("?");
    return { tab: tab || "dream", parameters: new URLSearchParams(query) };
  };

  // Open a tab, and put `parameters` into the address.
  const go = (tab, parameters = null) => {
    const query = parameters ? String(new URLSearchParams(parameters)) : "";
    const hash = `#${tab}${query && "?"}${query}`;
    if (location.hash !== hash) history.replaceState(null, "", hash);
    openTab();
  };

  const tabButton = (tab) => document.getElementById(`tab-${tab}-button`);

  const openTab = () => {
    const button = tabButton(place().tab);
    if (!button && tabButton("dream")) {
      go("dream"); // the address names no tab: else keys and files would go to none
      return;
    }
    if (button && button.getAttribute("aria-selected") !== "true") button.click();
    emit("place", place());
  };

  const followTabs = () => {
    const bar = tabButton("dream")?.parentElement;
    if (!bar) {
      setTimeout(followTabs, 50);
      return;
    }
    openTab();
    addEventListener("hashchange", openTab);
    new MutationObserver(() => {
      const chosen = bar.querySelector("[aria-selected=true]")?.id.slice("tab-".length, -"-button".length);
      if (chosen && chosen !== place().tab) go(chosen);
    }).observe(bar, { attributes: true, subtree: true, attributeFilter: ["aria-selected"] });
  };

  // ---- the head of the page -------------------------------------------------------------------------------------

  // Null until the person has chosen: then what frightens waits for it.
  const blurred = () => kept("blur") ?? true;

  const setBlur = (value) => {
    keep("blur", value);
    document.documentElement.classList.toggle("nm-blurred", value);
    emit("blur", value);
  };

  const contentNote = async () => {
    if (kept("blur") !== null) return;
    const choices = ["Show the pictures", "Blur pictures"];
    const chosen = await ask(
      "Pictures here are meant to frighten. You may see them, or have them blurred until you hold one; the switch " +
        "“Blur pictures” at the top changes it at any time.",
      choices,
    );
    setBlur(chosen !== choices[0]);
  };

  const header = (element) => {
    const box = make("input", { type: "checkbox", checked: blurred() });
    box.addEventListener("change", () => setBlur(box.checked));
    on("blur", (value) => (box.checked = value));
    const help = make("button", { type: "button", className: "nm-button", title: "Show the keys (?)" }, "Keys");
    help.addEventListener("click", () => window.nightmare.showKeys());
    element
      .querySelector(".nm-header-buttons")
      .append(make("label", { className: "nm-switch" }, box, "Blur pictures"), help);
    document.documentElement.classList.toggle("nm-blurred", blurred());
    followTabs();
    contentNote();
  };

  window.nightmare = {
    kept, keep, on, emit, request, getJson, postJson, lines, awake, Failure, make, banner, ask, speaker, calm, pause,
    place, go, header,
  };
})();
