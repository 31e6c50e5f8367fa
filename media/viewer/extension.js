/* global document, window */

/** @typedef {{ postMessage(message: unknown): void, getState(): unknown, setState(state: unknown): void }} Host */

/**
 * The extension, as a page talks to it: questions and their answers, and the state that survives while the page is hidden.
 *
 * @template {Record<string, any>} Answers by the type of the question
 */
export class Extension {
  /** @type {Host} */
  #host = /** @type {any} */ (globalThis).acquireVsCodeApi();
  #lastRequest = 0;
  /** @type {Map<number, { type: keyof Answers, resolve(answer: any): void, reject(problem: unknown): void }>} */
  #questions = new Map();
  #onlyLast;

  /** @param {readonly (keyof Answers)[]} onlyLast types of questions of which only the last one is answered */
  constructor(onlyLast) {
    this.#onlyLast = onlyLast;
  }

  /**
   * Says that the page is ready, and hands over all messages that are no answers.
   *
   * @template {{ type: string }} Message
   * @param {(message: Message) => void} receive
   */
  listen(receive) {
    window.addEventListener('message', ({ data }) => {
      if (data.type === 'answer' || data.type === 'failed') this.#settle(data);
      else receive(data);
    });
    this.post({ type: 'ready' });
  }

  /** @param {{ type: string } & Record<string, unknown>} message */
  post(message) {
    this.#host.postMessage(message);
  }

  /**
   * Asks the extension. Rejects with a `Problem`. Never settles if the question becomes obsolete.
   *
   * @template {keyof Answers & string} Type
   * @param {Type} type
   * @param {Record<string, unknown>} about
   * @returns {Promise<Answers[Type]>}
   */
  ask(type, about) {
    const request = ++this.#lastRequest;
    if (this.#onlyLast.includes(type)) {
      for (const [earlier, question] of this.#questions)
        if (question.type === type) this.#questions.delete(earlier);
    }
    return new Promise((resolve, reject) => {
      this.#questions.set(request, { type, resolve, reject });
      this.post({ type, request, ...about });
    });
  }

  /** No question that was asked before is answered any more. */
  forgetQuestions() {
    this.#questions.clear();
  }

  /** @param {{ type: string, request: number, answer?: unknown, problem?: unknown }} message */
  #settle({ type, request, answer, problem }) {
    const question = this.#questions.get(request);
    this.#questions.delete(request);
    if (type === 'answer') question?.resolve(answer);
    else question?.reject(problem);
  }

  /**
   * The saved state: of each value of `initial` the saved one, if it is of the same type.
   *
   * @template {Record<string, string | number | boolean>} State
   * @param {State} initial
   * @returns {{ state: State, saved: Readonly<Record<string, unknown>> }}
   */
  restoreState(initial) {
    const saved = /** @type {Record<string, unknown>} */ (Object(this.#host.getState()));
    const known = Object.entries(initial).filter(
      ([name, value]) =>
        typeof saved[name] === typeof value &&
        (typeof value !== 'number' || (Number.isSafeInteger(saved[name]) && Number(saved[name]) >= 0)),
    );
    const kept = Object.fromEntries(known.map(([name]) => [name, saved[name]]));
    return { state: { ...initial, ...kept }, saved };
  }

  /** @param {Record<string, unknown>} state */
  saveState(state) {
    this.#host.setState(state);
  }

  /**
   * Sends the selection, or else the chosen value, to the clipboard.
   *
   * @param {() => Promise<string | undefined> | undefined} chosenValue
   */
  async copy(chosenValue) {
    const marked = document.getSelection()?.toString() ?? '';
    const text = marked === '' ? await chosenValue() : marked;
    if (text !== undefined) this.post({ type: 'copied', text });
  }
}
