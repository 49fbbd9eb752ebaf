// Downloads in pieces, says of each that it arrived, and at the end that the whole file is the right one.
// A break costs nothing that has arrived: it tries again for as long as the page is open and the link lives.
(() => {
  const box = typeof document === "undefined" ? null : document.getElementById("download");
  if (!box) return;
  const { file, ack, csrf, sha256, name } = box.dataset;
  const size = Number(box.dataset.size), most = 8 * 2 ** 20, least = 2 ** 18, silence = 45_000;
  const part = (id) => document.getElementById(id);
  const start = part("start"), status = part("status"), bar = part("progress"), figures = part("figures");
  const label = start.textContent;
  let pressed = run, running = false;
  part("plain").hidden = true;
  start.hidden = false;

  class Ended extends Error {}

  // The button keeps its place and the focus; while there is nothing to press it says so.
  function button(text, act) {
    start.textContent = text;
    start.ariaDisabled = act ? null : "true";
    pressed = act;
  }

  function pause(seconds) {
    return new Promise((resolve) => {
      const timer = setTimeout(over, seconds * 1000);
      function over() {
        clearTimeout(timer);
        window.removeEventListener("online", over);
        button("Downloading …", null);
        resolve();
      }
      window.addEventListener("online", over);
      button("Go on now", over);
    });
  }

  async function broke(error, attempt) {
    if (error instanceof Ended) throw error;
    status.textContent = "The connection broke. Nothing is lost: it goes on by itself when the connection is back. Please keep this page open.";
    figures.textContent = `${Math.floor(bar.value)} %, waiting for the connection`;
    await pause(Math.min(2 ** attempt, 30));
  }

  function mended(attempt) {
    if (attempt) status.textContent = "The connection is back.";
  }

  async function again(act) {
    for (let attempt = 0; ; attempt++) {
      try {
        await act();
        return mended(attempt);
      } catch (error) {
        await broke(error, attempt);
      }
    }
  }

  function check(answer, ...wanted) {
    if (wanted.includes(answer.status)) return;
    if (answer.status >= 500 || answer.status === 408) throw new Error("not now");
    if (answer.status === 429) throw new Ended("The file was sent to this browser too often. Answer on your ticket, and we will help.");
    if (answer.status === 409) throw new Ended("What arrived is not the file that we sent. Please download it again.");
    throw new Ended("The download was stopped by our side. Open the address from our message once more.");
  }

  async function acknowledge(said) {
    const headers = { "Content-Type": "application/json", "X-CSRF": csrf }, signal = AbortSignal.timeout(silence);
    const body = JSON.stringify(said);
    check(await fetch(ack, { method: "POST", headers, body, credentials: "same-origin", signal }), 200);
  }

  // Asks for the bytes from `from` on and hands out what comes, until all has come or the line breaks or goes silent.
  async function* pieces(from, to) {
    const headers = { Range: `bytes=${from}-${to - 1}`, "If-Range": `"${sha256}"` }, stop = new AbortController();
    let watch = setTimeout(() => stop.abort(), silence);
    try {
      const answer = await fetch(file, { headers, credentials: "same-origin", cache: "no-store", signal: stop.signal });
      check(answer, 206, 200);
      // 200: somebody between us leaves the range out, and all comes from its beginning.
      let skip = answer.status === 200 ? from : 0;
      for (const reader = answer.body.getReader(); ;) {
        const { done, value } = await reader.read();
        if (done) return;
        clearTimeout(watch);
        watch = setTimeout(() => stop.abort(), silence);
        const bytes = value.subarray(Math.min(skip, value.length));
        skip -= value.length - bytes.length;
        if (bytes.length) yield bytes;
      }
    } finally {
      clearTimeout(watch);
      stop.abort();
    }
  }

  async function here(act) {
    try {
      return await act();
    } catch {
      throw new Ended("The file could not be written on this device. Make room for it and press the button again.");
    }
  }

  // Where the bytes go: into a file that the person chose, or, where browsers have no such thing, into the browser.
  async function sink() {
    if (window.showSaveFilePicker) {
      const stream = await (await window.showSaveFilePicker({ suggestedName: name })).createWritable();
      return { write: (blob) => stream.write(blob), save: () => stream.close(), drop: () => stream.abort() };
    }
    const parts = [];
    let whole;
    const save = async () => {
      if (!whole) {
        whole = new Blob(parts, { type: "application/octet-stream" });
        // A browser that ran out of room says so only when it is asked for the bytes.
        for (const reader = whole.stream().getReader(); !(await reader.read()).done;);
      }
      const link = document.createElement("a");
      link.href = URL.createObjectURL(whole);
      link.download = name;
      link.click();
    };
    return { write: (blob) => parts.push(blob), save, drop: () => parts.splice(0), again: save };
  }

  // Speed is that of the last ten seconds; a person hears of each quarter, when it is worth hearing.
  function meter() {
    const seen = [];
    let shown = -1e9, quarter = 0;
    return (at) => {
      const now = performance.now();
      if (now - shown < 250 && at < size) return;
      shown = now;
      seen.push([now, at]);
      while (seen.length > 2 && now - seen[0][0] > 10_000) seen.shift();
      const [since, from] = seen[0], speed = ((at - from) / (now - since)) * 1000;
      const left = Math.ceil((size - at) / speed), part = size ? at / size : 1;
      bar.value = part * 100;
      const time = left > 5400 ? `${Math.round(left / 3600)} hours` : left > 90 ? `${Math.ceil(left / 60)} minutes` : `${left} seconds`;
      const pace = speed > 0 ? ` at ${(speed / 1e6).toFixed(1)} MB/s, about ${time} left` : "";
      bar.ariaValueText = figures.textContent = `${Math.floor(part * 100)} %${pace}`;
      if (Math.floor(part * 4) > quarter) {
        quarter = Math.floor(part * 4);
        if (seen.length > 20 && part < 1) status.textContent = `${quarter * 25} % is here.`;
      }
    };
  }

  async function download(out) {
    const hash = new Sha256(), show = meter();
    let at = 0, ask = most, held = [], arrived = 0, attempt = 0;

    async function keep() {
      const from = at;
      if (arrived === from) return false;
      await here(() => out.write(new Blob(held)));
      held = [];
      at = arrived;
      await again(() => acknowledge({ start: from, end: at }));
      return true;
    }

    show(0);
    while (at < size) {
      let error = null;
      const before = arrived;
      try {
        for await (const bytes of pieces(at, Math.min(at + ask, size))) {
          mended(attempt);
          attempt = 0;
          hash.update(bytes);
          held.push(bytes);
          arrived += bytes.length;
          show(arrived);
          if (arrived - at >= most) await keep();
        }
        if (arrived === before) error = new Error("nothing came");
      } catch (broken) {
        error = broken;
      }
      const heard = await keep();
      // On a line that breaks often, smaller pieces are asked for: what was on its way is sent again.
      ask = error ? Math.max(ask / 2, least) : Math.min(ask * 2, most);
      // What the gateway has just heard of shows that the line is whole again.
      if (error instanceof Ended) throw error;
      if (error && !heard) await broke(error, attempt++);
    }
    if (hash.hex() !== sha256) throw new Ended("What arrived is not the file that we sent. Please download it again.");
    show(size);
    await here(out.save);
    try {
      await again(() => acknowledge({ sha256 }));
    } catch (error) {
      // The file is whole and here: that our side has ended the link meanwhile changes nothing for this person.
      if (!(error instanceof Ended)) throw error;
    }
  }

  function done(out) {
    const told = "Downloaded and checked. We now destroy the export on our side and confirm that on the ticket.";
    figures.hidden = part("promise").hidden = true;
    if (out.again) {
      status.textContent = `${told} If your browser did not save the file, save it again before you close this page.`;
      button("Save it again", out.again);
    } else {
      status.textContent = told;
      start.hidden = true;
    }
  }

  async function run() {
    let out;
    button("Downloading …", null);
    status.textContent = "";
    try {
      out = await sink();
      running = true;
      bar.hidden = figures.hidden = false;
      await download(out);
      done(out);
    } catch (error) {
      const told = "The download did not work. Please press the button again.";
      // A person who closes the dialog without choosing a place has not begun.
      if (out || error.name !== "AbortError") status.textContent = error instanceof Ended ? error.message : told;
      button(label, run);
      await out?.drop();
    } finally {
      running = false;
    }
  }

  start.addEventListener("click", () => pressed?.());
  window.addEventListener("beforeunload", (event) => running && event.preventDefault());
})();
