const main = document.querySelector('main')
const message = document.querySelector('#message')
const sections = [...document.querySelectorAll('section')]

/** Who is signed in, as the server said last: `null` for nobody, `undefined` before the first answer. */
let user
let isBusy = false

for (const form of document.querySelectorAll('form')) form.addEventListener('submit', (event) => void submit(event))
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

await refresh()
main.removeAttribute('aria-busy')

/** Asks who is signed in, and shows what fits if that has changed. */
async function refresh() {
  const { data, error } = await call('/auth/me')
  if (isBusy) return
  if (error) say(error, 'error')
  const before = user
  user = (error ? before : data.user) ?? null
  if (before === undefined) return show({ focus: false })
  if (before?.id === user?.id) return
  say('')
  show({ focus: true })
}

async function submit(event) {
  event.preventDefault()
  if (isBusy) return
  const form = event.currentTarget
  setBusy(form, true)
  say('')
  const { action } = form.dataset
  const fields = Object.fromEntries(new FormData(form))
  const { data, error, field } = await call(action, fields)
  setBusy(form, false)
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

/** Shows the section that fits: the account, or the form that the address names. */
function show({ focus }) {
  const wanted = user ? 'account' : location.hash === '#sign-up' ? 'sign-up' : 'sign-in'
  for (const section of sections) section.hidden = section.id !== wanted
  if (user) fillIn(user)
  if (!focus) return
  document.querySelector(`#${wanted} :is(h1[tabindex], input)`).focus()
}

function fillIn(user) {
  for (const place of document.querySelectorAll('[data-user]')) place.textContent = user[place.dataset.user]
  const initials = user.name.split(/\s+/).map((word) => [...word][0])
  document.querySelector('.avatar').textContent = [initials[0], initials.length > 1 ? initials.at(-1) : ''].join('')
}

/** The answer's `data`, or an `error` to show and, where it is about one, the name of a `field`. */
async function call(path, body) {
  let response
  let data
  try {
    response = await fetch(path, {
      method: body ? 'POST' : 'GET',
      ...(body && { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
    })
    data = await response.json()
  } catch {
    return { error: 'The server gave no answer. Check your connection and try again.' }
  }
  if (response.ok) return { data }
  const reasons = [data.message ?? `The server answered ${response.status}`].flat()
  const field = response.status === 409 ? 'email' : reasons[0].split(' ')[0]
  return { error: reasons.map(sentence).join(' '), field }
}

function sentence(text) {
  return `${text[0].toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? '' : '.'}`
}

function say(text, kind = '') {
  message.textContent = text
  message.dataset.kind = kind
  message.role = kind === 'error' ? 'alert' : 'status'
}

function setBusy(form, busy) {
  isBusy = busy
  form.setAttribute('aria-busy', String(busy))
}

function togglePassword({ currentTarget: button }) {
  const input = document.getElementById(button.getAttribute('aria-controls'))
  const isShown = input.type === 'text'
  input.type = isShown ? 'password' : 'text'
  button.textContent = isShown ? 'Show' : 'Hide'
  button.ariaLabel = `${button.textContent} the password`
}
