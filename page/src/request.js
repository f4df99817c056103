// The body of a chat request. Pure.
import { withFiles } from "./attachment.js";
import { differing } from "./parameters.js";

/**
 * @param {{system: string, branch: object[], model: string, parameters: object, about: object, wantsProbabilities: boolean}} what
 * `branch` ends with the question, or with the answer that is to be continued.
 */
export function requestBody({ system, branch, model, parameters, about, wantsProbabilities }) {
  const last = branch.at(-1);
  const isContinued = last.role === "assistant";
  const { thinking_budget: budget, ...fields } = differing(parameters, about.defaults);
  return {
    model,
    messages: [
      ...(system.trim() ? [{ role: "system", content: system }] : []),
      ...branch.map((one) => message(one, isContinued && one === last)),
    ],
    stream: true,
    stream_options: { include_usage: true },
    ...fields,
    ...(about.thinks && budget !== undefined ? { thinking_budget: budget } : {}),
    ...(wantsProbabilities ? { logprobs: true } : {}),
    ...(isContinued ? { continue_final_message: true, add_generation_prompt: false } : {}),
  };
}

/** Earlier thoughts are left out, as the family's templates do; the thought of a continued answer stands before it. */
function message({ role, content, thought, files }, isOpen) {
  return {
    role,
    content: withFiles(content, files),
    ...(isOpen && thought ? { reasoning_content: thought, reasoning: thought } : {}),
  };
}
