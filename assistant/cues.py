"""Short replies and plain wishes that need no model: yes, no, thanks, another time, a person, my data.

Every function takes the client's text as written; pure."""

from __future__ import annotations

import re
from datetime import timedelta

from assistant.text import normalise
from assistant.times.shifts import find_shift


def bag(text: str) -> frozenset[str]:
    """The words of a text, for looking up."""
    return frozenset(text.split())


GREETING = re.compile(
    r"^(здравств\w*|здрасьте|привет\w*|добр(ый|ое|ого|ой)\s+(день|дня|вечер\w*|утр\w*|ночи|времени\w*)|доброго|хай|салют|hi|hello"
    r"|/start|start|начать)\b"
)
THANKS = re.compile(r"\b(спасиб\w*|спс|пасиб\w*|благодар\w*|мерси|thanks|thank you)\b")
YES_WORDS = bag(
    "да ага угу конечно ок окей ok okay хорошо давай давайте подходит пойдет пойдёт годится устраивает согласен "
    "согласна записывайте запишите записывай подтверждаю приду придем придём буду будем верно именно точно "
    "отлично супер yes yep обязательно актуально беру хочу можно 👍 + 👌 ✅ записаться записать приходим"
)
NO_START = re.compile(
    r"^(нет|неа|не+т|no|не(?=\s+(надо|нужно|хочу|буду|могу|смогу|приду|придём|придем|получ\w*|согл\w*|отмен\w*)))\b"
)
NO_ANYWHERE = re.compile(
    r"\b(не\s+(смогу|сможем|приду|придем|получится|получается|надо|нужно|хочу|соглас\w*)|передумал\w*|отказываюсь)\b"
)
OTHER_TIME = re.compile(
    r"друг(ое|ие|ой|ую)\s+(врем\w*|вариант\w*|дат\w*|ден\w*|дни|окн\w*|час\w*)|в\s+другой\s+день|не\s*подход\w*|не\s*подойд\w*"
    r"|не\s*удобн\w*|неудобн\w*|не\s+устраив\w*|ещ[её]\s+(вариант\w*|врем\w*|есть|что)|что.{0,6}ещ[её]|ни\s+одн\w+|никак\w+\s+не"
    r"|ничего\s+из|а\s+друг(ое|ие)\b|^друг(ое|ие)$|ещ[её]\s+како\w+"
)
CALL = re.compile(r"\b(пере|по)?звон\w*|\bнабер\w+")
GIVES_UP = re.compile(
    r"\bпередумал\w*|\bне\s+(надо|нужно|буду|хочу|интересно|актуально)\b|отказыва\w+|\bподума(ю|ем)\b|\bнет\W+спасибо"
    r"|спасибо\W+(нет|не\s+надо)|\b(потом|позже)\s+(напишу|запишусь|решу)|в\s+другой\s+раз|уже\s+не\s+(надо|нужно)"
)
ASKS = re.compile(
    r"сколько|\bцен[аыуе]?\b|\bстои[тм]\w*|поч[её]м|прайс|расценк|акци[ияй]|скидк|промокод|звон|адрес|\bгде\b|\bкак\b|почему|\bли\b"
    r"|\bчто\b|скольки|работаете|график"
)
LATER = re.compile(r"\b(по)?(позже|позднее)\b")
EARLIER = re.compile(r"\b(по)?(раньше|ранее)\b")
ANY = re.compile(
    r"\b(люб(ое|ой|ая|ую|ом)|без\s+разницы|вс[её]\s+равно|неважно|не\s+важно|не\s+принципиально|когда\s+угодно)\b"
)
PEOPLE = r"(человек\w*|оператор\w*|администратор\w*|админ\w*|менеджер\w*|сотрудник\w*|живы\w+)"
PERSON_ALONE = re.compile(rf"^(мне\s+)?(нужен\s+|нужна\s+)?(живой\s+|живого\s+)?{PEOPLE}$")
PERSON_WISH = re.compile(
    rf"\b(позов\w+|соедин\w+|переключ\w+|перевед\w+|дайте|поговорить\s+с|связаться\s+с|пообщаться\s+с|подключ\w+"
    rf"|пусть\s+\w+\s+ответит|ответьте|свяжите)[\s,]+(\w+[\s,]+){{0,3}}?{PEOPLE}\b|\bс\s+живым\s+человеком"
    rf"|\b(нужен|хочу)\s+(\w+\s+)?(живой\s+)?(человек|оператор|администратор|менеджер)\b"
    rf"|не\s+хочу\s+(общаться|говорить|разговаривать)\s+с\s+(бот|робот)\w*"
)
ERASE = re.compile(
    r"\b(удал\w+|сотр\w+|убер\w+|стер\w+|уничтож\w+)\b(?!.*\bзапис).{0,40}\b(персональн\w+|мои|обо\s+мне|всю|все)\b.{0,25}"
    r"\b(данн\w+|информаци\w+|номер\w*|переписк\w+)|\bудал\w+\s+мен[яе]\s+из\s+(баз\w+|рассыл\w+)"
    r"|\b(отзыва\w+|отозв\w+)\b.{0,20}\bсогласи\w+|право\s+на\s+забвени\w+"
)
EXPORT = re.compile(
    r"\bкак(ие|ую)\s+(персональн\w+\s+|мои\s+)*(данн\w+|информаци\w+)\b.{0,20}\b(храните|обо\s+мне|у\s+вас)"
    r"|\b(пришлите|вышлите|выгрузите)\b.{0,20}\bмои\s+(персональн\w+\s+)?данн\w+"
)
DANGER = re.compile(
    r"задыха\w+|удушь\w+|не\s+(могу|может)\s+(дышать|вдохнуть|глотать|проглотить)|(трудно|тяжело|сложно)\s+(дыша\w+|глота\w+)"
    r"|нечем\s+дышать|не\s+дыш\w+|(потер\w+|теря\w+)\s+сознани\w*|без\s+сознани\w+|упал\w*\s+в\s+обморок|анафила\w+|квинке"
    r"|от[её]к\w*\s+(горл\w*|языка?|гортан\w*|ше[ия]\w*)|(опух\w*|распух\w*|от[её]к\w*)\s+(горло|язык|шея)"
    r"|(горло|язык|шея)\s+(\w+\s+)?(опух\w*|распух\w*|от[её]к\w*)|судорог\w*|боль\w*\s+в\s+груди|(кровь|кровотечени\w+)\s+"
    r"(\w+\s+){0,2}не\s+(останавлива\w+|прекраща\w+)|не\s+останавлива\w+\s+(кровь|кровотечени\w+)|кровь\s+(хлещет|льется|фонтан\w*)"
    r"|покончить\s+с\s+собой|хочу\s+умереть|суицид\w*"
)
HOURS = re.compile(
    r"\b(до|со?)\s+скольки\b|во\s+сколько\s+(вы\s+)?(откр\w+|закр\w+|начина\w+)|(часы|режим|график|время)\s+работы|работаете\s+ли"
    r"|как\s+(вы\s+)?работаете|когда\s+(вы\s+)?(открыты|работаете|откры\w+|закры\w+)|вы\s+(сегодня\s+|завтра\s+|сейчас\s+)?"
    r"(работаете|открыты)|работаете\s+(ли\s+)?(вы\s+)?(в|по|сегодня|завтра|сейчас|до|без)\b|по\s+каким\s+дням\s+работ|\bи\s+часы$|^часы$"
)
ADDRESS = re.compile(
    r"\bадрес\w*|где\s+(вы|вас|наход\w+|располож\w+|это|ваш\w*)|как\s+(к\s+вам\s+|до\s+вас\s+|вас\s+)?(доехать|добраться|пройти|попасть|найти)"
    r"|куда\s+(ехать|приходить|подъе\w+|идти|подойти)|(находитесь|располагаетесь)\b|на\s+какой\s+улице|геолокаци\w+"
)
OWN_VISIT = re.compile(
    r"\b(когда|во\s+сколько|на\s+(когда|какое|какой|сколько)|напомните|подскажите|какие?)\b.{0,30}"
    r"\b(у\s+меня|моя|мою|мои|я|меня)\b\s*(\w+\s+)?(запис(ь|и|ей|ан|ана|аны)|при[её]м|визит\w*)\b"
    r"|\bя\s+(точно\s+)?записана?\s*(\?|на\s+(когда|какое)|к\s+вам\s*\?|или\s+нет)|\bесть\s+ли\s+у\s+меня\s+запись"
)
MOVING = re.compile(
    r"\b(перен[оеё]с\w*|перезапи\w+|(пере|с|подо?)двин\w+|не\s+(смогу|успе\w+|получ\w+)|опазд\w+|задерж\w+|"
    r"вместо|мо[яюей]+\s+запис\w+|был[аи]?\s+записан\w*|записан[аы]?\b)"
)
KEEPS = re.compile(
    r"\bне\s+отмен\w+|\bне\s+(надо|нужно|стоит|будем)\s+(ничего\s+)?(отмен|перен)\w*|\bостав(ь|ьте|им|ляй\w*|ляем)\b|"
    r"\bпусть\s+(все\s+|так\s+и\s+)?(будет|остан\w+)|\bвсе\s+в\s+силе\b|^(нет|не)\b.{0,12}\b(приду|буду|придем|будем)\b"
)
ORDERS_MOVE = re.compile(r"\bперенес(и|ите|ем)\b|\bперепиш\w+|\bперезапиш\w+")
HEDGED = re.compile(r"\b(наверн\w+|возможно|может\s+быть|вероятно|скорее\s+всего|кажется|похоже|боюсь)\b")
CANCEL_ORDER = re.compile(r"\b(отмен(и|ите|яйте|яем|яю)|аннулируйте|(снимите|уберите|удалите)\s+(\w+\s+){0,2}запись)\b")
AVAILABLE = re.compile(
    r"\b(делаете|дела[ею]т|есть\s+ли|оказываете|занимаетесь|предоставляете|бывает\s+ли|у\s+вас\s+есть|лечите|ставите)\b"
)
ADD = re.compile(r"\b(ещ[её]|также|плюс|заодно|добав\w+|вместе\s+с)\b|^и\s|\bи\s+на\s")
CONSENT = re.compile(r"\b(соглас(ен|на|ны|ие)|даю\s+согласие|принимаю)\b")
REFUSAL = re.compile(r"\bне\s+(соглас\w+|да[мю]\s+согласи\w+|принимаю)|против\b")
NAME_LEAD = re.compile(r"\b(меня\s+зовут|зовут|мо[её]\s+имя|имя|это|я|запишите\s+на\s+имя|на\s+имя)\s+")
NOT_NAMES = bag(
    "ой эй ах ну да нет не ок хорошо спасибо здравствуйте привет добрый день вечер утро можно нужно надо хочу "
    "потом позже раньше завтра сегодня послезавтра утром вечером днем запишите записать запись телефон номер имя "
    "мой моя меня зовут это вот ага угу давайте конечно а и но или что как где когда почему зачем сколько цена "
    "стоит стоимость скажите подскажите пожалуйста другое время отмена отмените перенесите алло ау эй бот человек "
    "оператор администратор менеджер согласен согласна даю согласие на по в к у с ладно понятно ясно секунду "
    "минуту минутку сейчас подождите подумаю не знаю пока же ли бы вы мне я первое второе третье первый второй "
    "третий отзыв сам сама любой любое любая стоп хватит отстаньте зачем кто какой какая мужская женская детская "
    "стрижка маникюр педикюр массаж окрашивание чистка брови ресницы лечение зуб"
)
MENU = {"записаться": "booking", "цены": "price_question", "адрес и часы": "consultation", "акции": "promo_question"}

BOOK, PRICES, ADDRESS_HOURS, PROMOS = "Записаться", "Цены", "Адрес и часы", "Акции"
OTHER, PERSON, YES, NO = "Другое время", "Позвать человека", "Да", "Нет"
AGREE, DISAGREE = "Даю согласие", "Не согласен"
MOVE, CANCEL, KEEP, COME = "Перенести", "Отменить", "Оставить", "Приду"
ANY_TIME = "Любое время"


def plain(text: str) -> str:
    """Lower case, one space between words, ё as е, no punctuation at the ends."""
    return re.sub(r"\s+", " ", text.casefold().replace("ё", "е")).strip(" .,!?;:()\"'«»…-–—\n")


def tokens(text: str) -> list[str]:
    """The words and signs of a text; numbers like 15:00 stay whole."""
    return re.findall(r"\d+(?:[:.]\d+)?|[a-zа-я]+|[+👍👌✅]", plain(text))


def says_yes(text: str) -> bool:
    """A short agreement and nothing else against it: «да», «да, приду», «+», «хорошо, записывайте»."""
    words = tokens(text)
    if not words or len(words) > 8 or "?" in text or {"не", "нет", "но", "только", "если"} & set(words):
        return False
    if any(word.startswith(("отмен", "перен")) for word in words):
        return False
    return words[0] in YES_WORDS or "в силе" in plain(text)


def says_no(text: str) -> bool:
    """A short refusal: «нет», «не смогу», «передумала»."""
    words = plain(text)
    return len(words.split()) <= 8 and bool(NO_START.search(words) or NO_ANYWHERE.search(words))


def only_greets(text: str) -> bool:
    return bool(GREETING.search(plain(text))) and len(tokens(text)) <= 5 and "?" not in text


def thanks(text: str) -> bool:
    return bool(THANKS.search(plain(text))) and len(tokens(text)) <= 6 and "?" not in text


def wants_person(text: str) -> bool:
    words = plain(text)
    return words == plain(PERSON) or bool(PERSON_ALONE.search(words) or PERSON_WISH.search(words))


def wants_call(text: str) -> bool:
    """The words of a call are said, not only a phone."""
    return bool(CALL.search(plain(text)))


def data_request(text: str) -> str:
    """ "erasure", "export" or "": what the client asks to be done with the personal data."""
    words = plain(text)
    if ERASE.search(words):
        return "erasure"
    return "export" if EXPORT.search(words) else ""


def in_danger(text: str) -> bool:
    """Signs that need an ambulance, whatever the message asks for."""
    return bool(DANGER.search(plain(text)))


def time_change(text: str) -> str:
    """ "other", "later", "earlier" or "": the offered times do not fit."""
    words = plain(text)
    if LATER.search(words):
        return "later"
    if EARLIER.search(words):
        return "earlier"
    return "other" if OTHER_TIME.search(words) else ""


def shift(text: str) -> timedelta | None:
    """«на час позже» is +1 h, «на полчаса раньше» is -30 min; None when no such thing is said."""
    found = find_shift(normalise(text))
    return timedelta(minutes=found.minutes) if found else None


def asks_own_visit(text: str) -> bool:
    """«когда у меня запись?», «на какое время я записана?»"""
    return bool(OWN_VISIT.search(plain(text)))


def keeps_visit(text: str) -> bool:
    """The visit is to stay as it is: «не отменяйте», «оставьте как есть», «нет, я приду»."""
    said = plain(text)
    return bool(KEEPS.search(said)) and not ORDERS_MOVE.search(said)


def is_hedged(text: str) -> bool:
    """Said of a thing that is not decided yet."""
    return bool(HEDGED.search(plain(text)))


def speaks_of_moving(text: str) -> bool:
    """The words of a visit that exists already and is to be at another time."""
    return bool(MOVING.search(plain(text)))


def orders_cancel(text: str) -> bool:
    """A plain order to cancel, no question and no «не»."""
    words = plain(text)
    return (
        "?" not in text and bool(CANCEL_ORDER.search(words)) and not re.search(r"\bне\s+(отмен|сним|убер|удал)", words)
    )


def any_will_do(text: str) -> bool:
    return bool(ANY.search(plain(text)))


def asks_hours(text: str) -> bool:
    return bool(HOURS.search(plain(text)))


def asks_address(text: str) -> bool:
    return bool(ADDRESS.search(plain(text)))


def asks_if_available(text: str) -> bool:
    return bool(AVAILABLE.search(plain(text)))


def adds(text: str) -> bool:
    """The service named comes beside the ones before, not instead of them."""
    return bool(ADD.search(plain(text)))


def gives_up(text: str) -> bool:
    """The client does not want to go on: «передумала», «не надо», «я подумаю»."""
    return bool(GIVES_UP.search(plain(text))) and len(tokens(text)) <= 12


def asks(text: str) -> bool:
    """A question by its words, with or without a question mark."""
    return "?" in text or bool(ASKS.search(plain(text)))


def consents(text: str) -> bool:
    words = plain(text)
    return bool(CONSENT.search(words)) and not REFUSAL.search(words)


def refuses_consent(text: str) -> bool:
    return bool(REFUSAL.search(plain(text))) or says_no(text)


def given_name(text: str, *, without: tuple[str, ...] = ()) -> str:
    """A name written as the answer to «как вас зовут»: «Мария», «меня зовут Мария Ивановна»; "" when it is none.

    `without`: pieces of the text that are something else (the phone)."""
    for piece in without:
        text = text.replace(piece, ",")
    parts = [part for part in re.split(r"[\d+()\-–—,.;:!?\n]+", text) if part.strip()]
    alone = len(parts) == 1
    return next((name for part in parts if (name := _name_in(part)) and (alone or name in part)), "")


def _name_in(part: str) -> str:
    """One to three words that are a name for all we know; more only after «меня зовут»."""
    lead = NAME_LEAD.search(part.casefold())
    found = re.findall(r"[A-Za-zА-Яа-яЁё]+", part[lead.end() :] if lead else part)
    if lead and not all(word[:1].isupper() for word in found[1:3]):
        found = found[:1]
    if not 1 <= len(found[:3] if lead else found) <= 3:
        return ""
    found = found[:3]
    if any(plain(word) in NOT_NAMES or CONSENT.search(plain(word)) or not 1 < len(word) <= 20 for word in found):
        return ""
    return " ".join(word[:1].upper() + word[1:] for word in found)


def code(text: str) -> str:
    """A one-time code of 4 to 6 digits, "" when the text holds none (a phone number is none)."""
    digits = re.findall(r"\d+", text)
    return digits[0] if len(digits) == 1 and 4 <= len(digits[0]) <= 6 else ""
