// Downloads in pieces, says of each that it arrived, and at the end that the whole file is the right one.
(() => {
  const box = typeof document === "undefined" ? null : document.getElementById("download");
  if (!box) return;
  const { file, ack, csrf, sha256, name } = box.dataset;
  const size = Number(box.dataset.size), piece = 8 * 1024 * 1024, patience = 8;
  const part = (id) => document.getElementById(id);
  const start = part("start"), status = part("status"), bar = part("progress"), figures = part("figures");
  part("plain").hidden = true;
  start.hidden = false;

  class Ended extends Error {}
  const pause = (seconds) => new Promise((done) => setTimeout(done, seconds * 1000));

  async function again(act) {
    for (let attempt = 1; ; attempt++) {
      try {
        return await act();
      } catch (error) {
        if (error instanceof Ended || attempt === patience) throw error;
        status.textContent = "The connection broke. Going on in a moment …";
        await pause(Math.min(2 ** attempt, 30));
        status.textContent = "";
      }
    }
  }

  function check(answer, wanted) {
    if (answer.status === wanted) return;
    if (answer.status >= 500) throw new Error("not now");
    throw new Ended("The download was stopped by our side. Open the address from our message once more.");
  }

  async function fetchPiece(from, to) {
    const headers = { Range: `bytes=${from}-${to - 1}`, "If-Range": `"${sha256}"` };
    const answer = await fetch(file, { headers, credentials: "same-origin", cache: "no-store" });
    check(answer, 206);
    const bytes = new Uint8Array(await answer.arrayBuffer());
    if (bytes.length !== to - from) throw new Error("cut short");
    return bytes;
  }

  async function acknowledge(said) {
    const headers = { "Content-Type": "application/json", "X-CSRF": csrf };
    check(await fetch(ack, { method: "POST", headers, body: JSON.stringify(said), credentials: "same-origin" }), 200);
  }

  async function sink() {
    if (window.showSaveFilePicker) {
      const stream = await (await window.showSaveFilePicker({ suggestedName: name })).createWritable();
      return { write: (bytes) => stream.write(bytes), save: () => stream.close(), drop: () => stream.abort() };
    }
    const parts = [];
    const save = () => {
      const link = document.createElement("a");
      link.href = URL.createObjectURL(new Blob(parts, { type: "application/octet-stream" }));
      link.download = name;
      link.click();
    };
    return { write: (bytes) => parts.push(new Blob([bytes])), save, drop: () => parts.splice(0) };
  }

  function show(at, began) {
    const seconds = (performance.now() - began) / 1000, speed = at / seconds;
    const left = Math.ceil((size - at) / speed);
    bar.value = size ? (at / size) * 100 : 100;
    const time = left > 90 ? `${Math.ceil(left / 60)} minutes` : `${left} seconds`;
    figures.textContent = `${Math.floor(bar.value)} % at ${(speed / 1e6).toFixed(1)} MB/s, about ${time} left`;
  }

  async function download() {
    const out = await sink(), hash = new Sha256(), began = performance.now();
    bar.hidden = figures.hidden = false;
    try {
      for (let at = 0; at < size; at += piece) {
        const to = Math.min(at + piece, size), bytes = await again(() => fetchPiece(at, to));
        hash.update(bytes);
        await out.write(bytes);
        await again(() => acknowledge({ start: at, end: to }));
        show(to, began);
      }
      if (hash.hex() !== sha256) throw new Ended("What arrived is not the file that we sent. Please download it again.");
      await out.save();
    } catch (error) {
      await out.drop();
      throw error;
    }
    await again(() => acknowledge({ sha256 }));
    status.textContent = "Downloaded and checked. We now destroy the export on our side.";
    start.hidden = true;
    figures.hidden = true;
  }

  start.addEventListener("click", async () => {
    start.disabled = true;
    try {
      await download();
    } catch (error) {
      const told = "The download did not work. Check your connection and press the button again.";
      status.textContent = error instanceof Ended ? error.message : error.name === "AbortError" ? "" : told;
      start.disabled = false;
    }
  });
})();
