// How figures are written.

/** @param {number} value */
export function count (value) {
  if (value < 10_000) return String(Math.round(value))
  const [divisor, unit] = value < 1e6 ? [1e3, 'k'] : value < 1e9 ? [1e6, 'M'] : [1e9, 'G']
  return `${short(value / divisor)} ${unit}`
}

/** Requests each second. @param {number} value */
export function rate (value) {
  return value > 0 && value < 10 ? value.toFixed(1) : count(value)
}

/** @param {number | null} part from 0 to 1 */
export function percent (part) {
  if (part === null) return '–'
  const value = part * 100
  if (value === 0 || value === 100) return `${value} %`
  return `${value < 10 ? value.toFixed(1) : Math.min(99, Math.round(value))} %`
}

/** @param {number | null} milliseconds */
export function duration (milliseconds) {
  if (milliseconds === null) return '–'
  return milliseconds < 1000 ? `${short(milliseconds)} ms` : `${short(milliseconds / 1000)} s`
}

/** @param {number} bytes */
export function size (bytes) {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  const nth = bytes < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(bytes) / 10))
  return `${nth === 0 ? bytes : short(bytes / 1024 ** nth)} ${units[nth]}`
}

/** How long something has lasted: `3 d 4 h`, `45 s`. @param {number} milliseconds */
export function span (milliseconds) {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000))
  const [days, hours, minutes] = [Math.floor(seconds / 86_400), Math.floor(seconds / 3600) % 24, Math.floor(seconds / 60) % 60]
  if (days > 0) return `${days} d ${hours} h`
  if (hours > 0) return `${hours} h ${minutes} min`
  return minutes > 0 ? `${minutes} min ${seconds % 60} s` : `${seconds} s`
}

/** How long it is since something. @param {number} milliseconds */
export function ago (milliseconds) {
  return milliseconds < 1000 ? 'just now' : `${span(milliseconds)} ago`
}

/** @param {number} time in milliseconds since 1970 */
export function clock (time) {
  return new Date(time).toLocaleTimeString(undefined, { hour12: false })
}

/** @param {number} count @param {string} one @param {string} many */
export function plural (count, one, many) {
  return `${count} ${count === 1 ? one : many}`
}

/** Two or three digits that mean something. @param {number} value */
function short (value) {
  return value >= 100 || Number.isInteger(value) ? String(Math.round(value)) : value.toFixed(value < 10 ? 1 : 0)
}
