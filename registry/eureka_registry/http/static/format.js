/* Numbers and moments as text. */

const NUMBERS = new Intl.NumberFormat("en");
const MINUTE_S = 60;
const HOUR_S = 3600;
const DAY_S = 86400;

const two = (number) => String(number).padStart(2, "0");

/** A count with thousands separators; `–` when it is not known. */
export const count = (number) => (Number.isFinite(number) ? NUMBERS.format(number) : "–");

/** A count and its noun: `1 instance`, `2 instances`. */
export const counted = (number, noun) => `${count(number)} ${noun}${number === 1 ? "" : "s"}`;

/** The moment in this browser's time zone, as Spring's page writes it: `2026-01-31 12:00:00 +0100`. */
export function stamp(ms) {
  if (!ms) return "–";
  const at = new Date(ms);
  const offset = -at.getTimezoneOffset();
  const zone = `${offset < 0 ? "-" : "+"}${two(Math.floor(Math.abs(offset) / 60))}${two(Math.abs(offset) % 60)}`;
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${clock(ms)} ${zone}`;
}

/** The time of day in this browser's time zone: `12:00:00`. */
export function clock(ms) {
  const at = new Date(ms);
  return `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
}

/** A length of time in its two largest units: `12 s`, `3 min 4 s`, `2 days 5 h`. */
export function span(seconds) {
  if (!Number.isFinite(seconds)) return "–";
  const whole = Math.max(0, Math.floor(seconds));
  if (whole < MINUTE_S) return `${whole} s`;
  if (whole < HOUR_S) return `${Math.floor(whole / MINUTE_S)} min ${whole % MINUTE_S} s`;
  if (whole < DAY_S) return `${Math.floor(whole / HOUR_S)} h ${Math.floor((whole % HOUR_S) / MINUTE_S)} min`;
  const days = Math.floor(whole / DAY_S);
  return `${days === 1 ? "1 day" : `${count(days)} days`} ${Math.floor((whole % DAY_S) / HOUR_S)} h`;
}

/** How long ago a moment was, in its largest unit: `5 min ago`. */
export function age(ms, nowMs) {
  if (!ms) return "–";
  const seconds = Math.max(0, Math.floor((nowMs - ms) / 1000));
  if (seconds < MINUTE_S) return `${seconds} s ago`;
  if (seconds < HOUR_S) return `${Math.floor(seconds / MINUTE_S)} min ago`;
  if (seconds < DAY_S) return `${Math.floor(seconds / HOUR_S)} h ago`;
  return `${count(Math.floor(seconds / DAY_S))} d ago`;
}
