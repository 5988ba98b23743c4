import { say } from './message.js'
import { call, whileBusy } from './server.js'

const section = document.querySelector('#devices')
const title = section.querySelector('h2')
const list = section.querySelector('ul')
const endOthersButton = section.querySelector('.secondary')
const template = document.querySelector('#device')

const FORMAT = new Intl.RelativeTimeFormat('en')
const UNITS = [
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
]

let asked = 0

endOthersButton.addEventListener('click', () => void endOthers())
// A page that stays open grows older.
setInterval(() => {
  for (const place of list.querySelectorAll('time')) showTime(place)
}, 60_000)

/** Asks where the user is signed in, and shows it: this device first, then the one used last. */
export async function showDevices() {
  const turn = ++asked
  const { data, error } = await call('GET', '/auth/sessions')
  if (turn !== asked) return
  if (error) return say(error, 'error')
  const sessions = data.sessions.toSorted((a, b) => b.current - a.current || b.lastSeenAt - a.lastSeenAt)
  const focused = document.activeElement.closest('#devices li')?.dataset.handle
  list.replaceChildren(...sessions.map(itemOf))
  for (const item of list.children) if (item.dataset.handle === focused) item.querySelector('button')?.focus()
  endOthersButton.hidden = !sessions.some(({ current }) => !current)
}

/** Leaves nothing of them in the page. */
export function forgetDevices() {
  asked++
  list.replaceChildren()
  endOthersButton.hidden = true
}

function itemOf({ handle, device = 'Unknown device', ip, authenticatedAt, lastSeenAt, current }) {
  const item = template.content.firstElementChild.cloneNode(true)
  item.dataset.handle = handle
  const part = (name) => item.querySelector(`[data-part=${name}]`)
  part('device').textContent = device
  part('this').hidden = !current
  part('ip').textContent = ip ?? ''
  showTime(part('signed-in'), authenticatedAt)
  if (current) part('active').replaceChildren('now')
  else showTime(part('active').firstElementChild, lastSeenAt)
  const button = part('end')
  if (current) button.remove()
  button.ariaLabel = `End session: ${device}, active ${part('active').textContent}`
  button.addEventListener('click', () => void end(handle, device, item))
  return item
}

async function end(handle, device, item) {
  const answer = await whileBusy(item, () => call('DELETE', `/auth/sessions/${encodeURIComponent(handle)}`))
  if (!answer) return
  // One that is over already is what was asked for.
  if (answer.error && answer.status !== 404) return say(answer.error, 'error')
  await ended(`${device} is signed out.`)
}

async function endOthers() {
  const answer = await whileBusy(list, () => call('DELETE', '/auth/sessions'))
  if (!answer) return
  if (answer.error) return say(answer.error, 'error')
  await ended('All your other devices are signed out.')
}

/** The button that was pressed is gone: the focus goes to where the list begins. */
async function ended(text) {
  await showDevices()
  title.focus()
  say(text, 'success')
}

/** How long ago `time` was, in epoch milliseconds; without it, how long ago it is now. */
function showTime(place, time = Date.parse(place.dateTime)) {
  const date = new Date(time)
  place.dateTime = date.toISOString()
  place.title = date.toLocaleString('en', { dateStyle: 'full', timeStyle: 'short' })
  place.textContent = ago(Date.now() - time)
}

function ago(milliseconds) {
  const [unit, length] = UNITS.find(([, length]) => milliseconds >= length) ?? []
  return unit ? FORMAT.format(-Math.floor(milliseconds / length), unit) : 'just now'
}
