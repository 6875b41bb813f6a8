import { element, setAttribute, setText } from './dom.js'

// Where a request would go, as the gateway says it.

/**
 * @param {{ form: HTMLFormElement, input: HTMLTextAreaElement, place: HTMLElement, verdict: Element, details: Element }} parts
 * @param {() => Record<string, string>} authorized
 */
export function makeExplain ({ form, input, place, verdict, details }, authorized) {
  let isAsking = false
  form.addEventListener('submit', async event => {
    event.preventDefault()
    if (isAsking) return
    isAsking = true
    setAttribute(place, 'aria-busy', 'true')
    const { tone, text, shown } = await ask(input.value, authorized())
    place.hidden = false
    setAttribute(verdict, 'class', `state ${tone}`)
    setText(verdict, text)
    details.replaceChildren(...shown)
    setAttribute(place, 'aria-busy', undefined)
    isAsking = false
  })
  // As everywhere where Enter begins a new line.
  input.addEventListener('keydown', event => {
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) form.requestSubmit()
  })
}

/** @param {string} text @param {Record<string, string>} authorized */
async function ask (text, authorized) {
  try {
    const response = await fetch('/api/explain', { method: 'POST', headers: { ...authorized, 'content-type': 'application/json' }, body: JSON.stringify(given(text)) })
    const said = await response.json()
    return response.ok ? show(said) : wrong(said.error.message)
  } catch {
    return wrong('The gateway did not respond')
  }
}

/** @param {string} text */
function given (text) {
  const [first, ...others] = text.trim().split(/\s+/)
  if (first === 'curl' || first === '$') return { curl: text }
  return others.length === 0 ? { url: first } : { method: first, url: others.join(' ') }
}

/** @param {string} text */
function wrong (text) {
  return { tone: 'bad', text, shown: [] }
}

function show ({ request: { method, target, host }, notes, route, forwarded, why, response }) {
  const facts = [
    ['Request', code(`${method} ${target}`), ` of ${host}`],
    ...notes.map(note => ['Left out', `${note}.`]),
    ...(route === undefined ? [] : [['Route', code(`routes[${route.index}]`), ` ${route.takes}`], ['Passes', route.policies.join(', ') || 'no policy']]),
    ...(forwarded === undefined ? [['Why not', `${why}.`]] : [['Goes to', code(forwarded.to)]])
  ]
  const shown = [
    element('dl', {}, ...facts.map(([name, ...values]) => element('div', {}, element('dt', {}, name), element('dd', {}, ...values)))),
    ...(forwarded === undefined ? [] : head('The service gets', [`${method} ${forwarded.path}`, ...linesOf(forwarded.headers)])),
    ...(forwarded !== undefined && response.headers.length > 0 ? head('Its response gets', linesOf(response.headers)) : []),
    ...(forwarded === undefined && response !== undefined ? head('The client gets', [String(response.status), ...linesOf(response.headers), ...(response.body === undefined ? [] : ['', response.body])]) : [])
  ]
  return { tone: forwarded === undefined ? 'warn' : 'ok', text: verdictOf(forwarded, response), shown }
}

function verdictOf (forwarded, response) {
  if (forwarded !== undefined) return 'It is forwarded'
  return response === undefined ? 'It is not for the gateway' : `The gateway responds itself: ${response.status}`
}

/** @param {string} text */
function code (text) {
  return element('code', {}, text)
}

/** @param {string} title @param {string[]} lines */
function head (title, lines) {
  return [element('h3', {}, title), element('pre', { tabindex: '0', role: 'region', 'aria-label': title }, lines.join('\n'))]
}

/** @param {string[][]} headers */
function linesOf (headers) {
  return headers.map(([name, value]) => `${name}: ${value}`)
}
