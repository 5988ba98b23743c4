import { forgetDevices, showDevices } from './portal/devices.js'
import { say } from './portal/message.js'
import './portal/password.js'
import { call, ENDED, isBusy, whileBusy } from './portal/server.js'

const main = document.querySelector('main')
const views = [...document.querySelectorAll('main > section')]

/** Who is signed in, as the server said last: `null` for nobody, `undefined` before the first answer. */
let user

for (const form of document.querySelectorAll('form[data-action]')) {
  form.addEventListener('submit', (event) => void submit(event))
}
for (const button of document.querySelectorAll('.password button')) button.addEventListener('click', togglePassword)
addEventListener('hashchange', () => {
  say('')
  show({ focus: true })
})
// Another tab may have signed in or out meanwhile, and a page that comes back from history is as it was left.
addEventListener('pageshow', ({ persisted }) => {
  if (persisted) void refresh()
})
document.addEventListener('visibilitychange', () => {
  if (document.visibilityState === 'visible') void refresh()
})
document.addEventListener('sessionend', sessionEnded)

await refresh()
main.removeAttribute('aria-busy')

/** Asks who is signed in, and shows what fits if that has changed. */
async function refresh() {
  const { data, error } = await call('GET', '/auth/me')
  if (isBusy) return
  if (error) say(error, 'error')
  const before = user
  user = (error ? before : data.user) ?? null
  if (before === undefined) return show({ focus: false })
  if (before && !user) return sessionEnded()
  if (before?.id === user?.id) return user ? showDevices() : undefined
  say('')
  show({ focus: true })
}

async function submit(event) {
  event.preventDefault()
  const form = event.currentTarget
  const { action } = form.dataset
  const fields = fieldsOf(form)
  const answer = await whileBusy(form, () => call('POST', action, fields))
  if (!answer) return
  const { data, error, field } = answer
  if (error) {
    say(error, 'error')
    return (form.elements[field] ?? form.elements.password)?.focus()
  }
  if (action === '/auth/register') welcome(data, fields)
  if (action === '/auth/login') {
    form.reset()
    await refresh()
  }
  if (action === '/auth/logout') signedOut()
}

function fieldsOf(form) {
  const fields = Object.fromEntries(new FormData(form))
  for (const { name, checked } of form.querySelectorAll('[type=checkbox]')) fields[name] = checked
  return fields
}

/** The account is there: only one press of a button is left to sign in. */
function welcome({ email }, { password }) {
  const form = document.querySelector('#sign-in form')
  form.elements.email.value = email
  form.elements.password.value = password
  document.querySelector('#sign-up form').reset()
  history.replaceState(null, '', '#sign-in')
  show({ focus: false })
  say('Your account is ready. Sign in with it.', 'success')
  form.querySelector('.primary').focus()
}

function signedOut() {
  user = null
  history.replaceState(null, '', '#sign-in')
  show({ focus: true })
  say('You are signed out.', 'success')
}

/** Signed out from elsewhere, or by time. */
function sessionEnded() {
  signedOut()
  say(ENDED, 'error')
}

/** Shows the view that fits: the account, or the form that the address names. */
function show({ focus }) {
  const wanted = user ? 'account' : location.hash === '#sign-up' ? 'sign-up' : 'sign-in'
  for (const view of views) view.hidden = view.id !== wanted
  if (user) fillIn(user)
  else leave()
  if (!focus) return
  document.querySelector(`#${wanted} :is(h1[tabindex], input)`).focus()
}

function fillIn(user) {
  for (const place of document.querySelectorAll('[data-user]')) place.textContent = user[place.dataset.user]
  for (const field of document.querySelectorAll('[autocomplete=username][hidden]')) field.defaultValue = user.email
  const initials = user.name.split(/\s+/).map((word) => [...word][0])
  document.querySelector('.avatar').textContent = [initials[0], initials.length > 1 ? initials.at(-1) : ''].join('')
  void showDevices()
}

/** What is hidden holds nothing of who was there. */
function leave() {
  forgetDevices()
  document.querySelector('#password form').reset()
  document.querySelector('dialog').close()
}

function togglePassword({ currentTarget: button }) {
  const input = document.getElementById(button.getAttribute('aria-controls'))
  const isShown = input.type === 'text'
  input.type = isShown ? 'password' : 'text'
  button.textContent = isShown ? 'Show' : 'Hide'
  button.ariaLabel = `${button.textContent} the password`
}
