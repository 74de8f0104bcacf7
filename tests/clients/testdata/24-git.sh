# client: git
# does: clone, push, fetch, a big file, a push that is refused
git config --global user.email a@b.c
git config --global user.name "A B"
git config --global init.defaultBranch main
export GIT_AUTHOR_DATE='2020-01-01T00:00:00Z' GIT_COMMITTER_DATE='2020-01-01T00:00:00Z'
git init -q --bare "$THERE/repo.git" -b main
git clone -q "target:$THERE/repo.git" one 2>/dev/null
noise one/big 5000000 git
seq 1000 >one/text
git -C one add .
git -C one commit -qm first
git -C one push -q origin HEAD:main
git clone -q "target:$THERE/repo.git" two
git -C two log --format='%H %s'
echo more >>two/text
git -C two commit -qam second
git -C two push -q
git -C one fetch -q
git -C one log --format='%H %s' origin/main
echo other >one/other
git -C one add .
git -C one commit -qm third
says git -C one push -q origin HEAD:main 2>/dev/null
git -C "$THERE/repo.git" fsck --strict 2>&1 | grep -v dangling || true
says git ls-remote "target:$THERE/none.git" 2>/dev/null
