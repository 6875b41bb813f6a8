import { element, keep, setText } from './dom.js'
import { makeExplain } from './explain.js'
import { plural, span } from './format.js'
import { follow } from './stream.js'
import { makeFailures, makeRejected, makeRoutes, makeUpstreams, makeWorkers } from './tables.js'
import { makeTiles } from './tiles.js'

/** Under which the token is kept, until the tab is closed. */
const TOKEN = 'token'
const STATUS = { wait: 'Connecting', live: 'Live', lost: 'Connection lost, trying again' }

/** @param {string} id @returns {any} */
const byId = id => document.getElementById(id)

const tiles = makeTiles(byId('tiles'))
const routes = makeRoutes(byId('routes'))
const tables = [makeUpstreams(byId('upstreams')), routes.update, makeFailures(byId('failures')), makeRejected(byId('rejected')), makeWorkers(byId('workers'))]
const pause = byId('pause')
makeExplain({ form: byId('explain'), input: byId('request'), place: byId('explained'), verdict: byId('verdict'), details: byId('details') }, authorized)
let isPaused = false
let latest

pause.addEventListener('click', () => {
  isPaused = !isPaused
  pause.setAttribute('aria-pressed', String(isPaused))
  if (!isPaused && latest !== undefined) show(latest)
})

byId('ask').addEventListener('submit', event => {
  event.preventDefault()
  sessionStorage.setItem(TOKEN, byId('token').value.trim())
  begin()
})

if (document.documentElement.dataset.token === 'required' && sessionStorage.getItem(TOKEN) === null) ask('')
else begin()

async function begin () {
  byId('ask').hidden = true
  setStatus('wait')
  await follow(authorized(), {
    opened: () => setStatus('live'),
    lost: () => setStatus('lost'),
    event: (name, data) => name === 'configuration' ? setText(byId('configuration'), JSON.stringify(data, null, 2)) : take(data)
  })
  sessionStorage.removeItem(TOKEN)
  ask('That is not the token.')
}

/** The fields that show the token. */
function authorized () {
  const token = sessionStorage.getItem(TOKEN)
  return token === null ? {} : { authorization: `Bearer ${token}` }
}

/** @param {string} wrong */
function ask (wrong) {
  byId('state').hidden = true
  pause.hidden = true
  byId('ask').hidden = false
  setText(byId('wrong'), wrong)
  byId('status').hidden = true
  byId('token').value = ''
  byId('token').focus()
}

/** @param {keyof typeof STATUS} state */
function setStatus (state) {
  const status = byId('status')
  status.hidden = false
  status.dataset.state = state
  setText(status, STATUS[state])
  if (state === 'lost') document.body.dataset.stale = ''
  else delete document.body.dataset.stale
}

function take (state) {
  latest = state
  tiles.add(state)
  routes.add(state)
  if (!isPaused) show(state)
}

function show (state) {
  byId('state').hidden = false
  pause.hidden = false
  setText(byId('version'), state.version)
  document.title = `Gateway · ${problems(state).length === 0 ? 'well' : plural(problems(state).length, 'problem', 'problems')}`
  const { workers, silent } = state
  showFacts([
    ['Uptime', span(state.time - state.startedAt)],
    ['Workers', workers.some(({ isDraining }) => isDraining) ? `${workers.length}, ${workers.filter(({ isDraining }) => isDraining).length} draining` : String(workers.length + silent)],
    ['Node', state.node.slice(1)]
  ])
  const notes = problems(state)
  byId('notes').hidden = notes.length === 0
  setText(byId('notes'), `${notes.join('. ')}.`)
  tiles.update(state)
  for (const update of tables) update(state)
}

/** What whoever looks should see first. */
function problems ({ isDraining, silent, upstreams }) {
  const down = upstreams.filter(({ targets }) => !targets.some(({ state }) => state === 'available'))
  return [
    ...(isDraining ? ['The gateway is about to end, and drains'] : []),
    ...(silent > 0 ? [`${plural(silent, 'worker does', 'workers do')} not respond, and ${silent === 1 ? 'is' : 'are'} left out`] : []),
    ...(down.length > 0 ? [`Not available: ${down.map(({ upstream }) => upstream).join(', ')}`] : [])
  ]
}

/** @param {string[][]} facts */
function showFacts (facts) {
  keep(byId('facts'), facts, ([name]) => name, ([name]) => {
    const value = element('dd')
    return { node: element('div', {}, element('dt', {}, name), value), update: ([, text]) => setText(value, text) }
  })
}
