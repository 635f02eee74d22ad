// A worker as the page sees it: ask, and wait for the answer.

export class Racer {
  /** @param {Worker} worker */
  constructor(worker) {
    this.worker = worker;
    this.asked = new Map();
    this.id = 0;
    worker.onmessage = ({ data }) => {
      const { resolve, reject } = this.asked.get(data.id);
      this.asked.delete(data.id);
      if (data.error === undefined) resolve(data.value);
      else reject(new Error(data.error));
    };
    worker.onerror = (event) => {
      event.preventDefault();
      this.fail(new Error(event.message || "the worker could not be started"));
    };
  }
  fail(error) {
    for (const { reject } of this.asked.values()) reject(error);
    this.asked.clear();
    this.broken = error;
  }
  /** @param {string} call @param {any} given @returns {Promise<any>} */
  ask(call, given) {
    if (this.broken) return Promise.reject(this.broken);
    const id = ++this.id;
    return new Promise((resolve, reject) => {
      this.asked.set(id, { resolve, reject });
      this.worker.postMessage({ id, call, given });
    });
  }
  close() {
    this.worker.terminate();
    this.fail(new Error("ended"));
  }
}
