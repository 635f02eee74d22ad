// What a desk of every widget has that Python answers: a kernel that is called until it answers,
// and views that listen.

const CALL = 3000; // ms between two calls for a kernel at work

export const randomSeed = () => Math.floor(Math.random() * 2 ** 31);

/** @template {string} News what views are told */
export class Calling {
  /** @param {(message: any, buffers?: ArrayBuffer[]) => void} send */
  constructor(send) {
    this.send = send;
    this.page = randomSeed();
    this.views = new Set();
    this.hello = null; // what the kernel said at first
  }
  call() {
    // a kernel at work may miss it
    if (this.hello) return;
    this.send({ type: "ready", page: this.page });
    this.calling = setTimeout(() => this.call(), CALL);
  }
  /** The kernel has answered. @param {any} message */
  greeted(message) {
    clearTimeout(this.calling);
    this.hello = message;
  }
  /** @param {News} what */
  changed(what) {
    for (const view of this.views) view.changed(what);
  }
  close() {
    clearTimeout(this.calling);
  }
}

/**
 * The widget of a desk, which lives with the model: every view of it, also a later one, shows the
 * same.
 * @param {new (send: any) => any} Desk @param {new (desk: any, el: HTMLElement) => any} View
 */
export const widgetOf = (Desk, View) => () => {
  let desk = null;
  return {
    initialize({ model }) {
      desk = new Desk((message, buffers) => model.send(message, undefined, buffers));
      const hear = (message, buffers) => desk.hear(message, buffers);
      model.on("msg:custom", hear);
      return () => {
        model.off("msg:custom", hear);
        desk.close();
      };
    },
    render({ el }) {
      const view = new View(desk, el);
      return () => view.close();
    },
  };
};
