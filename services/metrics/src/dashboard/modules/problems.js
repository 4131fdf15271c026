// What is wrong, and what to do about it.

import { byId, element, keyed, setHidden, setText } from "./dom.js";
import { sentence } from "./format.js";

const update = keyed(byId("problem-list"), ({ code, text }) => `${code} ${text}`, () => {
  const [text, action] = [element("strong"), element("span")];
  const code = element("code");
  const node = element("li", {}, text, " ", action, " ", code);
  return {
    node,
    update: (problem) => {
      setText(text, sentence(problem.text));
      setText(action, sentence(problem.action));
      setText(code, problem.code);
    },
  };
});

export function showProblems({ problems }) {
  setHidden(byId("problems"), problems.length === 0);
  update(problems);
}
