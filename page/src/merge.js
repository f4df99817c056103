// One conversation out of what two windows know of it: message by message, so that nothing that was asked or answered is lost. Pure.
import { branch } from "./conversation.js";

/** Bring into `ours` what is newer in `theirs`; objects of messages stay the same ones. @returns `ours` */
export function merge(ours, theirs) {
  const known = new Map(ours.messages.map((message) => [message.id, message]));
  for (const message of theirs.messages) {
    const own = known.get(message.id);
    if (!own) ours.messages.push(message);
    else if ((message.changed ?? 0) > (own.changed ?? 0)) become(own, message);
  }
  if (isLater(theirs, ours, "title")) take(ours, theirs, "title").isNamed = theirs.isNamed;
  if (isLater(theirs, ours, "system")) take(ours, theirs, "system");
  ours.title ||= theirs.title;
  ours.updated = Math.max(ours.updated, theirs.updated);
  return ours;
}

/** For what is kept: the branch that was shown last, in whichever window. */
export function mergeToKeep(stored, ours) {
  merge(stored, ours);
  if (isLater(ours, stored, "leaf")) take(stored, ours, "leaf");
  return stored;
}

/** For what is shown: each window stays on its branch, and goes on where another went on from there. */
export function mergeToShow(shown, stored) {
  merge(shown, stored);
  if (branch(shown, stored.leaf).some(({ id }) => id === shown.leaf)) shown.leaf = stored.leaf;
  return shown;
}

/** A message in the state that another window knows. */
export function become(own, other) {
  for (const name of Object.keys(own)) if (!(name in other)) delete own[name];
  Object.assign(own, other);
}

const isLater = (one, other, name) => (one.stamps?.[name] ?? 0) > (other.stamps?.[name] ?? 0);

function take(ours, theirs, name) {
  ours[name] = theirs[name];
  ours.stamps = { ...ours.stamps, [name]: theirs.stamps[name] };
  return ours;
}
